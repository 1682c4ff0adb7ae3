#include "runtime/engine/library_text.h"

namespace shredder::engine {

const SourceMap* LibraryText::source_map() {
  if (!has_read_map_) {
    has_read_map_ = true;
    source_map_ = SourceMap::FromCode(code_);
  }
  return source_map_ ? &*source_map_ : nullptr;
}

std::shared_ptr<LibraryText> LibraryTexts::Share(std::string_view code) {
  if (const auto found = texts_.find(code); found != texts_.end()) return found->second.lock();
  std::shared_ptr<LibraryText> text(new LibraryText(code), [this](LibraryText* unused) {
    texts_.erase(unused->code());
    delete unused;
  });
  texts_.emplace(text->code(), text);
  return text;
}

}  // namespace shredder::engine
