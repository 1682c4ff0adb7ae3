#include "runtime/resp/reply_writer.h"

#include <algorithm>
#include <charconv>

#include "runtime/resp/number.h"

namespace shredder::resp {

void ReplyWriter::SimpleString(std::string_view text) { Line('+', text); }

void ReplyWriter::Error(std::string_view message) { Line('-', message); }

void ReplyWriter::Integer(int64_t value) { Header(':', value); }

void ReplyWriter::Bulk(std::string_view bytes) {
  BulkHeader(bytes.size());
  out_->append(bytes);
  BulkEnd();
}

void ReplyWriter::Null() { out_->append(protocol_ == Protocol::kResp3 ? "_\r\n" : "$-1\r\n"); }

void ReplyWriter::NullArray() { out_->append(protocol_ == Protocol::kResp3 ? "_\r\n" : "*-1\r\n"); }

void ReplyWriter::Array(size_t elements) { Header('*', static_cast<int64_t>(elements)); }

void ReplyWriter::Map(size_t pairs) {
  if (protocol_ == Protocol::kResp3) {
    Header('%', static_cast<int64_t>(pairs));
  } else {
    Header('*', static_cast<int64_t>(2 * pairs));
  }
}

void ReplyWriter::Set(size_t elements) {
  Header(protocol_ == Protocol::kResp3 ? '~' : '*', static_cast<int64_t>(elements));
}

void ReplyWriter::Boolean(bool value) {
  if (protocol_ == Protocol::kResp3) {
    out_->append(value ? "#t\r\n" : "#f\r\n");
  } else {
    Integer(value ? 1 : 0);
  }
}

void ReplyWriter::Double(double value) {
  if (protocol_ == Protocol::kResp2) {
    Bulk(FormatDouble(value));
    return;
  }
  out_->push_back(',');
  AppendDouble(value, out_);
  out_->append("\r\n");
}

void ReplyWriter::Verbatim(std::string_view text) {
  if (protocol_ == Protocol::kResp2) {
    Bulk(text);
    return;
  }
  Header('=', static_cast<int64_t>(text.size() + 4));
  out_->append("txt:");
  out_->append(text);
  out_->append("\r\n");
}

void ReplyWriter::Header(char type, int64_t value) {
  char text[24];  // type, sign, 19 digits, CR LF
  text[0] = type;
  char* end = std::to_chars(text + 1, text + sizeof(text) - 2, value).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out_->append(text, static_cast<size_t>(end - text));
}

void ReplyWriter::Line(char type, std::string_view text) {
  out_->push_back(type);
  const size_t begin = out_->size();
  out_->append(text);
  const auto is_line_end = [](char c) { return c == '\r' || c == '\n'; };
  std::replace_if(out_->begin() + static_cast<std::ptrdiff_t>(begin), out_->end(), is_line_end,
                  ' ');
  out_->append("\r\n", 2);
}

}  // namespace shredder::resp
