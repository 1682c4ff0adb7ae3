// A store's memory: a memfd of its own, or a part of one that many small stores share, mapped
// without reserving physical memory. Whatever gives pages back or counts them stays inside it.
//
// Errors: false with a one-line reason in *error.
#pragma once

#include <cstdint>
#include <string>

namespace shredder::store {

class Memory {
 public:
  Memory() = default;
  ~Memory();
  Memory(Memory&& other) noexcept { *this = static_cast<Memory&&>(other); }
  Memory& operator=(Memory&& other) noexcept;

  // A fresh file, sealed so that no holder of its descriptor can take mapped pages away.
  bool Create(uint64_t bytes, std::string* error);
  // The whole file, sealed in this way, of which the caller keeps its own descriptor.
  bool Map(int fd, std::string* error);
  // A part of a file that is mapped at `base` already, and stays so while this lives.
  void Share(int fd, uint64_t file_offset, char* base, uint64_t bytes);

  // Makes a memory of its own at least so large. The base may change; on failure nothing has.
  bool Grow(uint64_t bytes, std::string* error);

  bool is_own() const { return is_own_; }
  // Stays this object's, or its file's that many share; -1 where there is none.
  int fd() const { return fd_; }
  // Where in the file it begins.
  uint64_t file_offset() const { return file_offset_; }
  char* base() const { return base_; }
  uint64_t bytes() const { return bytes_; }

  // Gives the physical memory of these bytes back, whose content is then zeros.
  bool PunchHole(uint64_t offset, uint64_t bytes) const;
  // The first offset from `offset` on that may hold physical memory; bytes() where there is none.
  uint64_t NextData(uint64_t offset) const;
  // The end of the physical memory that holds the offset.
  uint64_t EndOfData(uint64_t offset) const;
  // How much physical memory it holds, as the kernel says.
  uint64_t ResidentBytes() const;

 private:
  uint64_t Seek(uint64_t offset, int whence) const;

  int fd_ = -1;
  bool is_own_ = false;
  uint64_t file_offset_ = 0;
  char* base_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace shredder::store
