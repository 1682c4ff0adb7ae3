/** What lwIP is built from: pinned here, nowhere else. */

/** The Debian release whose `lwip` source package is used: V8's. */
export { DEBIAN_RELEASE } from '../v8/settings.ts';

/** The lwIP that the patch series is written for. */
export const LWIP_VERSION = '2.2.1';

/** The same release in the archive that keeps all of Debian's, for machines whose apt does not give it. */
export const LWIP_RELEASE = {
  version: LWIP_VERSION,
  url: 'https://snapshot.debian.org/archive/debian/20251101T000000Z/pool/main/l/lwip/lwip_2.2.1+dfsg1.orig.tar.xz',
  sha256: '83729c274c499d3348e9fbbe043a3113f3fa8953e7efddc7c21c7fcbb1f2b7b1',
} as const;

/** What is unpacked: the stack itself, without its applications, PPP, 6LoWPAN, ports and tests. */
export const SOURCE_PATHS = ['COPYING', 'src/core', 'src/include', 'src/netif/ethernet.c'] as const;

/** Headers of what is not unpacked; those of PPP are included all the same. */
export const SOURCE_EXCLUDED_PATHS = ['src/include/compat', 'src/include/lwip/apps'] as const;
