// Fills in the access log's record of a request.

#include "runtime/net/request_record.hpp"

namespace appd::net {

gateway::AccessRecord make_access_record(const gateway::Request& request, const RequestTimes& times,
                                         unsigned status, std::uint64_t body_bytes) noexcept {
  gateway::AccessRecord record;
  record.remote_address = request.find("REMOTE_ADDR");
  record.remote_user = request.find("REMOTE_USER");
  record.method = request.method();
  record.uri = request.uri();
  record.protocol = request.find("SERVER_PROTOCOL");
  record.host = request.find("HTTP_HOST");
  record.referer = request.find("HTTP_REFERER");
  record.user_agent = request.find("HTTP_USER_AGENT");
  record.status = status;
  record.body_bytes = body_bytes;
  record.queued = times.started() - times.queued();
  record.running = RequestTimes::Clock::now() - times.started();
  return record;
}

KeptRecord::KeptRecord(const gateway::AccessRecord& from) : record(from) {
  for (std::string_view* const text :
       {&record.remote_address, &record.remote_user, &record.method, &record.uri, &record.protocol,
        &record.host, &record.referer, &record.user_agent}) {
    *text = texts.emplace_back(*text);
  }
}

FilesRecord::~FilesRecord() {
  gateway::AccessRecord& record = kept_.record;
  if (!waited_for_) record.status = kFrontGone;
  record.running = Clock::now() - started_;
  reporter_.access(record);
}

}  // namespace appd::net
