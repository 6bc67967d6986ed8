#include "modules/directory/directory.hpp"

namespace whitebrick::directory {

Directory::Directory(Settings settings, events::Events& events) : settings_(settings), events_(events) {}

}  // namespace whitebrick::directory
