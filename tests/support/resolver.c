/* Preloaded into a replica: look-ups of *.example.com are answered by the test, by UDP at 127.0.0.1 and the port in
   TEST_RESOLVER: the name goes there, "127.0.0.1,::1" comes back. Everything else is looked up as ever. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

typedef int (*lookup)(const char*, const char*, const struct addrinfo*, struct addrinfo**);

static ssize_t ask(const char* port, const char* name, char* answer, size_t size) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct timeval patience = {.tv_sec = 2};
  int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ssize_t got = -1;
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (sendto(s, name, strlen(name), 0, (struct sockaddr*)&to, sizeof to) > 0) got = recv(s, answer, size - 1, 0);
  close(s);
  if (got >= 0) answer[got] = 0;
  return got;
}

int getaddrinfo(const char* name, const char* service, const struct addrinfo* hints, struct addrinfo** found) {
  const lookup real = (lookup)dlsym(RTLD_NEXT, "getaddrinfo");
  const char* port = getenv("TEST_RESOLVER");
  const char* end = name ? strstr(name, ".example.com") : NULL;
  char answer[512];
  if (!port || !end || strcmp(end, ".example.com") != 0) return real(name, service, hints, found);
  if (ask(port, name, answer, sizeof answer) <= 0) return EAI_NONAME;
  struct addrinfo wanted = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
  *found = NULL;
  struct addrinfo** last = found;
  for (char *rest = answer, *one; (one = strsep(&rest, ",")) != NULL;) {
    if (real(one, service, &wanted, last) != 0) continue;
    while (*last) last = &(*last)->ai_next;
  }
  return *found ? 0 : EAI_NONAME;
}
