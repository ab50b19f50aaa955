// Greets, with what C++ brings along: constructors before main, exceptions, containers, streams.
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

static const std::string greeting = "Hello from C++!";

static std::string at(const std::vector<std::string> &words, std::size_t index) {
    try {
        return words.at(index);
    } catch (const std::out_of_range &) {
        return greeting;
    }
}

int main(int argc, char **argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    std::cout << at(words, 0) << std::endl;
}
