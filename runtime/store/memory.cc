#include "runtime/store/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

namespace shredder::store {

namespace {

bool Fail(const char* what, uint64_t bytes, std::string* error) {
  *error = std::string(what) + " of " + std::to_string(bytes) +
           " bytes for a store failed: " + std::strerror(errno);
  return false;
}

char* MapShared(int fd, uint64_t bytes) {
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (address == MAP_FAILED) return nullptr;
  // A core dump of a process that serves several tenants must not show what they store.
  madvise(address, bytes, MADV_DONTDUMP);
  return static_cast<char*>(address);
}

}  // namespace

Memory::~Memory() {
  if (!is_own_) return;
  if (base_ != nullptr) munmap(base_, bytes_);
  close(fd_);
}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(is_own_, other.is_own_);
  std::swap(file_offset_, other.file_offset_);
  std::swap(base_, other.base_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

bool Memory::Create(uint64_t bytes, std::string* error) {
  assert(fd_ < 0);
  fd_ = memfd_create("shredder-store", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  is_own_ = fd_ >= 0;
  // It may grow, as quotas may.
  if (!is_own_ || ftruncate(fd_, static_cast<off_t>(bytes)) != 0 ||
      fcntl(fd_, F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
    return Fail("memfd", bytes, error);
  }
  base_ = MapShared(fd_, bytes);
  if (base_ == nullptr) return Fail("mmap", bytes, error);
  bytes_ = bytes;
  return true;
}

bool Memory::Map(int fd, std::string* error) {
  assert(fd_ < 0);
  struct stat status;
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(fd, &status) != 0) {
    *error = "not a store: its file may shrink, as no store's may";
    return false;
  }
  fd_ = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (fd_ < 0) {
    *error = std::string("cannot duplicate a store's descriptor: ") + std::strerror(errno);
    return false;
  }
  is_own_ = true;
  const auto bytes = static_cast<uint64_t>(status.st_size);
  base_ = MapShared(fd_, bytes);
  if (base_ == nullptr) return Fail("mmap", bytes, error);
  bytes_ = bytes;
  return true;
}

void Memory::Share(int fd, uint64_t file_offset, char* base, uint64_t bytes) {
  assert(fd_ < 0);
  fd_ = fd;
  file_offset_ = file_offset;
  base_ = base;
  bytes_ = bytes;
}

bool Memory::Grow(uint64_t bytes, std::string* error) {
  assert(is_own_);
  if (bytes <= bytes_) return true;
  if (ftruncate(fd_, static_cast<off_t>(bytes)) != 0) return Fail("ftruncate", bytes, error);
  void* address = mremap(base_, bytes_, bytes, MREMAP_MAYMOVE);
  // The file may be longer than what is mapped.
  if (address == MAP_FAILED) return Fail("mremap", bytes, error);
  base_ = static_cast<char*>(address);
  bytes_ = bytes;
  return true;
}

bool Memory::PunchHole(uint64_t offset, uint64_t bytes) const {
  assert(offset <= bytes_ && bytes <= bytes_ - offset);
  return madvise(base_ + offset, bytes, MADV_REMOVE) == 0;
}

uint64_t Memory::NextData(uint64_t offset) const { return Seek(offset, SEEK_DATA); }
uint64_t Memory::EndOfData(uint64_t offset) const { return Seek(offset, SEEK_HOLE); }

uint64_t Memory::Seek(uint64_t offset, int whence) const {
  const off_t found = lseek(fd_, static_cast<off_t>(file_offset_ + offset), whence);
  if (found < 0) return bytes_;
  return std::min(static_cast<uint64_t>(found) - file_offset_, bytes_);
}

uint64_t Memory::ResidentBytes() const {
  if (is_own_) {
    struct stat status;
    return fstat(fd_, &status) == 0 ? static_cast<uint64_t>(status.st_blocks) * 512 : 0;
  }
  uint64_t resident = 0;
  for (uint64_t at = NextData(0); at < bytes_;) {
    const uint64_t end = EndOfData(at);
    resident += end - at;
    at = NextData(end);
  }
  return resident;
}

}  // namespace shredder::store
