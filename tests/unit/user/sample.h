/* SPDX-License-Identifier: Apache-2.0 */
/* sample: cheap hashes for the tests of user. Each is of the password in its
 * name, at the lowest cost of its scheme. */
#ifndef SAMPLE_H
#define SAMPLE_H

#define MD5_PAULINE13 "$1$L3cW/rfB$usG2hf45RBBztN8PTIogM."
#define SHA1_PAULINE13 \
	"$sha1$4$wf7KtsAt4occW4JpC/7K$UeO5IAAaeZXti8c/0WZze7g4RE5W"
#define NT_PAULINE13 "$3$$85f63c478d5437666334497fd4995884"
#define DES_PAULINE13 "nltsr7cAz2DiM"
#define YESCRYPT_PAULINE13 \
	"$y$j75$tl10UAxuLR7r7WvNaDHsW0$" \
	"T20IJADIOrv2.8SJDbT8.4ZaKmoPBBQSY59ojvBCYP9"

#endif
