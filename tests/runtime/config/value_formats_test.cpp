// Tests of each kind of value: parsed, shown, refused.

#include "runtime/config/value_formats.hpp"

#include <doctest/doctest.h>

namespace appd::config {
namespace {

using namespace std::chrono_literals;

template <typename Format>
bool refuses(std::string_view text) {
  try {
    Format::parse(text);
    return false;
  } catch (const BadValue& bad) {
    return bad.what()[0] != '\0';
  }
}

}  // namespace

TEST_SUITE_BEGIN("value formats");

TEST_CASE("sizes take powers of 1024") {
  CHECK(Size::parse("0") == 0);
  CHECK(Size::parse("1000") == 1000);
  CHECK(Size::parse("256K") == 262144);
  CHECK(Size::parse("256k") == 262144);
  CHECK(Size::parse("3KiB") == 3072);
  CHECK(Size::parse("1M") == 1048576);
  CHECK(Size::parse("1mib") == 1048576);
  CHECK(Size::parse("5G") == 5368709120);
  CHECK(Size::parse("2GiB") == 2147483648);
  CHECK(Size::parse("18446744073709551615") == 18446744073709551615u);
  for (const char* bad : {"K", "-1", "+1", "1.5M", "1KB", "1 K", "1T", "0x10",
                          "18446744073709551616", "17179869184G", "256KK"}) {
    CAPTURE(bad);
    CHECK(refuses<Size>(bad));
  }
  CHECK(refuses<SomeSize>("0"));
  CHECK(SomeSize::parse("1") == 1);
}

TEST_CASE("sizes are shown in the largest unit that fits") {
  CHECK(Size::show(0) == "0");
  CHECK(Size::show(1000) == "1000");
  CHECK(Size::show(262144) == "256K");
  CHECK(Size::show(1048576) == "1M");
  CHECK(Size::show(1049600) == "1025K");
  CHECK(Size::show(5368709120) == "5G");
}

TEST_CASE("a word stands for what it says") {
  CHECK(Protocol::parse("auto") == ProtocolChoice::automatic);
  CHECK(Protocol::parse("fastcgi") == ProtocolChoice::fastcgi);
  CHECK(Protocol::parse("uwsgi") == ProtocolChoice::uwsgi);
  CHECK(Protocol::parse("scgi") == ProtocolChoice::scgi);
  CHECK(Protocol::show(ProtocolChoice::uwsgi) == "uwsgi");
  CHECK(Strategy::parse("overlap") == ReloadStrategy::overlap);
  CHECK(Strategy::parse("rolling") == ReloadStrategy::rolling);
  CHECK(Strategy::show(ReloadStrategy::rolling) == "rolling");
  CHECK(LogLevel::parse("warning") == "warning");
  CHECK(refuses<Protocol>("https"));
  CHECK(refuses<Strategy>("Overlap"));
  CHECK(refuses<LogLevel>("warn"));
}

TEST_CASE("static files have a prefix, without a slash at its end, and a folder") {
  CHECK(FolderAt::parse("/static=/srv/static") == Folder{"/static", "/srv/static"});
  CHECK(FolderAt::parse("/a/b//=files/") == Folder{"/a/b", "files/"});
  CHECK(FolderAt::parse("/=x=y") == Folder{"/", "x=y"});
  CHECK(FolderAt::show({"/", "x=y"}) == "/=x=y");
  for (const char* bad : {"", "/static", "/static=", "static=/srv", "=/srv", "/a%20b=/srv"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(FolderAt::parse(bad), BadValue);
  }
}

TEST_CASE("the name of a file that clients may have is no path") {
  CHECK(FileName::parse("index.html") == "index.html");
  CHECK(FileName::parse("") == "");
  for (const char* bad : {".", "..", ".index.html", "a/b", "/a", "../a"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(FileName::parse(bad), BadValue);
  }
}

TEST_CASE("a warm-up's target is a path or a whole URL") {
  const auto made = [](const char* text) { return WarmUpTarget::parse(text); };
  CHECK(made("/") == WarmUp{false, "", "/"});
  CHECK(made("/a?b=c#d") == WarmUp{false, "", "/a?b=c#d"});
  CHECK(made("//a/b") == WarmUp{false, "", "//a/b"});
  CHECK(made("https://example.org/x?y") == WarmUp{true, "example.org", "/x?y"});
  CHECK(made("HTTP://example.org:8000") == WarmUp{false, "example.org:8000", "/"});
  CHECK(made("https://example.org?y") == WarmUp{true, "example.org", "/?y"});
  CHECK(made("http://[::1]:65535/x") == WarmUp{false, "[::1]:65535", "/x"});
  CHECK(made("http://[::1]/x") == WarmUp{false, "[::1]", "/x"});
  for (const char* text : {"/", "/a?b", "http://a/", "https://a:1/b?c", "https://[::1]:1/b"}) {
    CHECK(WarmUpTarget::show(made(text)) == text);
  }
  for (const char* bad :
       {"", "x", "x/y", "example.org/x", "ftp://a/", "http:/a", "http:///a", "http://:80/",
        "http://a:/", "http://a:0/", "http://a:65536/", "http://a:b/", "http://u@a/", "http://[::1",
        "http://[::1]x/", "http://a b/"}) {
    CAPTURE(bad);
    CHECK(refuses<WarmUpTarget>(bad));
  }
}

TEST_CASE("statuses are numbers and whole classes") {
  using Ranges = std::vector<StatusRange>;
  CHECK(Statuses::parse("404") == Ranges{{404, 404}});
  CHECK(Statuses::parse("3xx,404,5XX") == Ranges{{300, 399}, {404, 404}, {500, 599}});
  CHECK(Statuses::parse("100,599") == Ranges{{100, 100}, {599, 599}});
  CHECK(Statuses::show({{300, 399}, {404, 404}}) == "3xx,404");
  for (const char* bad : {"", ",", "404,", ",404", "99", "600", "0xx", "6xx", "4x", "4xxx", "40x",
                          "404 405", "-1", "http"}) {
    CAPTURE(bad);
    CHECK(refuses<Statuses>(bad));
  }
}

TEST_CASE("durations are seconds unless they have a unit") {
  CHECK(Duration::parse("0") == 0ms);
  CHECK(Duration::parse("30") == 30s);
  CHECK(Duration::parse("30s") == 30s);
  CHECK(Duration::parse("500ms") == 500ms);
  CHECK(Duration::parse("2m") == 2min);
  CHECK(Duration::parse("1h") == 1h);
  CHECK(Duration::parse("365h") == 365h);
  for (const char* bad :
       {"s", "-1", "1.5s", "1d", "1 s", "30sec", "9000h", "18446744073709551615h"}) {
    CAPTURE(bad);
    CHECK(refuses<Duration>(bad));
  }
  CHECK(refuses<SomeDuration>("0s"));
  CHECK(SomeDuration::parse("1ms") == 1ms);
}

TEST_CASE("durations are shown in the largest unit that fits") {
  CHECK(Duration::show(0ms) == "0");
  CHECK(Duration::show(1500ms) == "1500ms");
  CHECK(Duration::show(75s) == "75s");
  CHECK(Duration::show(120s) == "2m");
  CHECK(Duration::show(7200s) == "2h");
}

TEST_CASE("counts have bounds") {
  using Few = Count<1, 8>;
  CHECK(Few::parse("1") == 1);
  CHECK(Few::parse("8") == 8);
  CHECK(Few::show(8) == "8");
  for (const char* bad : {"0", "9", "-1", "x", "1x", "4.0", "99999999999999999999"}) {
    CAPTURE(bad);
    CHECK(refuses<Few>(bad));
  }
}

TEST_CASE("workers are a number, a range, or left to the machine") {
  CHECK(Workers::parse("auto") == WorkerRange{});
  CHECK(Workers::parse("3") == WorkerRange{3, 3});
  CHECK(Workers::parse("2..8") == WorkerRange{2, 8});
  CHECK(Workers::parse("4..4") == WorkerRange{4, 4});
  CHECK(Workers::parse("2..auto") == WorkerRange{2, 0});
  for (const char* bad : {"", "0", "-1", "x", "2..", "..8", "8..2", "2...8", "1..1025", "0..3",
                          "2..0", "auto..8", "auto..auto", "0..auto", "2..automatic", "Auto"}) {
    CAPTURE(bad);
    CHECK(refuses<Workers>(bad));
  }
  CHECK(Workers::show({}) == "auto");
  CHECK(Workers::show({3, 3}) == "3");
  CHECK(Workers::show({2, 8}) == "2..8");
  CHECK(Workers::show({2, 0}) == "2..auto");
}

TEST_CASE("the machine decides about workers where it was asked to") {
  CHECK(Workers::settle({}, 7) == WorkerRange{7, 7});
  CHECK(Workers::settle({2, 0}, 7) == WorkerRange{2, 7});
  CHECK(Workers::settle({8, 0}, 7) == WorkerRange{8, 8});
  CHECK(Workers::settle({3, 3}, 7) == WorkerRange{3, 3});
  CHECK(Workers::settle({2, 8}, 1) == WorkerRange{2, 8});
  CHECK(Workers::settle({}, 5000) == WorkerRange{Workers::kMost, Workers::kMost});
}

TEST_CASE("numbers have no bounds, signs or units") {
  CHECK(Number::parse("0") == 0);
  CHECK(Number::parse("18446744073709551615") == 18446744073709551615ull);
  CHECK(Number::show(1000) == "1000");
  for (const char* bad : {"", "-1", "+1", "1k", "1.5", " 1", "18446744073709551616"}) {
    CAPTURE(bad);
    CHECK(refuses<Number>(bad));
  }
}

TEST_CASE("flags know the usual words") {
  for (const char* yes : {"true", "yes", "on", "1", "True", "ON"}) {
    CAPTURE(yes);
    CHECK(Flag::parse(yes));
  }
  for (const char* no : {"false", "no", "off", "0", "No"}) {
    CAPTURE(no);
    CHECK_FALSE(Flag::parse(no));
  }
  CHECK(refuses<Flag>("maybe"));
  CHECK(refuses<Flag>("2"));
  CHECK(Flag::show(true) == "true");
  CHECK(Flag::show(false) == "false");
}

TEST_CASE("file modes are octal") {
  CHECK(FileMode::parse("0660") == 0660);
  CHECK(FileMode::parse("777") == 0777);
  CHECK(FileMode::show(0660) == "0660");
  CHECK(FileMode::show(0) == "0000");
  for (const char* bad : {"0888", "1777", "rw", "0o660", "-1"}) {
    CAPTURE(bad);
    CHECK(refuses<FileMode>(bad));
  }
}

TEST_CASE("a file mask is octal, or none at all") {
  CHECK(FileMask::parse("0027") == 027u);
  CHECK(FileMask::parse("0") == 0u);
  CHECK(FileMask::show(0u) == "0000");
  CHECK(FileMask::show(std::nullopt) == "");
  CHECK(refuses<FileMask>("0888"));
  CHECK(refuses<FileMask>("1777"));
}

TEST_CASE("assignments need a name, values may be anything") {
  CHECK(Assignment::parse("A=b") == Assignment::Pair{"A", "b"});
  CHECK(Assignment::parse("A=") == Assignment::Pair{"A", ""});
  CHECK(Assignment::parse("A=b=c d") == Assignment::Pair{"A", "b=c d"});
  CHECK(Assignment::show({"A", "b=c"}) == "A=b=c");
  CHECK(refuses<Assignment>("A"));
  CHECK(refuses<Assignment>("=b"));
}

TEST_CASE("networks are addresses, or have nothing beyond their prefix") {
  for (const char* network : {"192.0.2.7", "10.0.0.0/8", "0.0.0.0/0", "::1", "fd00::/8", "::/0"}) {
    CAPTURE(network);
    CHECK(Network::show(Network::parse(network)) == network);
  }
  CHECK(Network::show(Network::parse("192.0.2.7/32")) == "192.0.2.7");
  CHECK(refuses<Network>("10.0.0.1/8"));
  CHECK(refuses<Network>("localhost"));
}

TEST_CASE("prefixes begin with a slash and do not end with one") {
  CHECK(Prefix::parse("/a/b") == "/a/b");
  CHECK(refuses<Prefix>("/"));
  CHECK(refuses<Prefix>("/a/"));
  CHECK(refuses<Prefix>("a"));
}

TEST_CASE("words are taken as they are listed only") {
  using enum ProtocolChoice;
  for (const auto choice : {automatic, fastcgi, uwsgi, scgi, http}) {
    CHECK(Protocol::parse(Protocol::show(choice)) == choice);
  }
  CHECK(Protocol::show(automatic) == "auto");
  CHECK(Protocol::parse("scgi") == scgi);
  CHECK(refuses<Protocol>("https"));
  for (const auto mode : {Preload::off, Preload::on, Preload::force}) {
    CHECK(PreloadMode::parse(PreloadMode::show(mode)) == mode);
  }
  CHECK(PreloadMode::parse("no") == Preload::off);
  CHECK(PreloadMode::parse("1") == Preload::on);
  CHECK(PreloadMode::parse("Force") == Preload::force);
  CHECK(refuses<PreloadMode>("forced"));
  CHECK(CrashesWithin::parse("5/60") == MaxCrashes{5, std::chrono::minutes(1)});
  CHECK(CrashesWithin::parse("0/500ms") == MaxCrashes{0, std::chrono::milliseconds(500)});
  CHECK(CrashesWithin::show(CrashesWithin::parse("5/60")) == "5/1m");
  CHECK(CrashesWithin::show(std::nullopt) == "");
  for (const char* const bad : {"5", "5/", "/5", "5/0", "-1/5", "x/5", "5/x", "5/5/5", "10001/1"})
    CHECK(refuses<CrashesWithin>(bad));
  for (const char* level : {"debug", "info", "warning", "error"})
    CHECK(LogLevel::parse(level) == level);
  CHECK(refuses<LogLevel>("INFO"));
  CHECK(refuses<LogLevel>("trace"));
}

TEST_SUITE_END();

}  // namespace appd::config
