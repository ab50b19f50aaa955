# A thread for each connection, with what comes with Ruby.
require "json"
require "socket"

$stdout.sync = true
trap("TERM") { exit 0 }
server = TCPServer.new("0.0.0.0", 8080)
puts "listening on port 8080"

def answer(socket, status, body)
  socket.write "HTTP/1.1 #{status}\r\nContent-Type: text/plain\r\nContent-Length: #{body.bytesize}\r\nConnection: close\r\n\r\n#{body}"
end

loop do
  Thread.start(server.accept) do |socket|
    _, path = (socket.gets || "").split
    while (line = socket.gets) && line != "\r\n"; end
    case path
    when "/" then answer(socket, "200 OK", "Hello from Ruby\n")
    when %r{\A/primes/(\d+)\z} then answer(socket, "200 OK", (2..$1.to_i).select { |n| (2..Math.sqrt(n)).none? { |d| (n % d).zero? } }.to_json + "\n")
    else answer(socket, "404 Not Found", "no such page\n")
    end
  rescue SystemCallError => error
    warn error.message
  ensure
    socket.close
  end
end
