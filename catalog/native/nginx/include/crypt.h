/* Debian's musl is built without crypt(3). nginx wants the declaration; what would call it, HTTP's basic authentication, is left out. */
#ifndef CRYPT_H
#define CRYPT_H

char *crypt(const char *key, const char *salt);

#endif
