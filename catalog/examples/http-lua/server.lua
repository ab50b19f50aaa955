-- One connection after the other, over LuaSocket.
local socket = require("socket")

local server = assert(socket.bind("0.0.0.0", 8080, 128))
io.stdout:setvbuf("line")
print("listening on port 8080")

while true do
    local client = server:accept()
    client:settimeout(10)
    local path = (client:receive("*l") or ""):match("^GET (%S+)")
    repeat local line = client:receive("*l") until not line or line == ""
    local status, body = "404 Not Found", "no such page\n"
    if path == "/" then
        status, body = "200 OK", "Hello from Lua\n"
    elseif path and path:match("^/repeat/%w+/%d+$") then
        local word, count = path:match("^/repeat/(%w+)/(%d+)$")
        status, body = "200 OK", word:rep(math.min(tonumber(count), 100), " ") .. "\n"
    end
    client:send("HTTP/1.1 " .. status .. "\r\nContent-Type: text/plain\r\nContent-Length: " .. #body .. "\r\nConnection: close\r\n\r\n" .. body)
    client:close()
end
