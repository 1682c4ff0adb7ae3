#include "runtime/store/memory_copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace shredder::store {

namespace {

bool CopyData(int from, int to, off_t size) {
  std::vector<char> buffer(1 << 18);
  for (off_t at = 0, end; (at = lseek(from, at, SEEK_DATA)) >= 0; at = end) {
    end = lseek(from, at, SEEK_HOLE);
    for (off_t done = at; done < end;) {
      const auto want = std::min<size_t>(buffer.size(), static_cast<size_t>(end - done));
      const ssize_t got = pread(from, buffer.data(), want, done);
      if (got <= 0 || pwrite(to, buffer.data(), static_cast<size_t>(got), done) != got) {
        return false;
      }
      done += got;
    }
    if (end >= size) break;
  }
  return true;
}

}  // namespace

int CopyMemory(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) return -1;
  const int copy = memfd_create("store-copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (copy < 0) return -1;
  if (ftruncate(copy, status.st_size) != 0 || !CopyData(fd, copy, status.st_size) ||
      fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
    close(copy);
    return -1;
  }
  return copy;
}

MemoryCopy::MemoryCopy(int fd) : fd_(CopyMemory(fd)) {}

MemoryCopy::~MemoryCopy() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace shredder::store
