// The one definition of the global namespaces[] that libgsoap needs.
#include "env_namespaces.h"
