<?php
// PHP's own web server sends every request here.
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
header('Content-Type: text/plain');
if ($path === '/') {
    echo "Hello from PHP\n";
} elseif ($path === '/reverse') {
    echo strrev(file_get_contents('php://input')), "\n";
} else {
    http_response_code(404);
    echo "no such page\n";
}
