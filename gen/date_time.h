// Imported by the generated interface headers: xs:dateTime is whitebrick::Time.
#include "db/time.hpp"
extern typedef class whitebrick::Time xsd__dateTime;
