// Tests of recognising hashes in names.

#include "runtime/files/hashed_name.hpp"

#include <doctest/doctest.h>

using namespace appd::files;

TEST_SUITE("hashed name") {
  TEST_CASE("hashes of Django and of bundlers are recognised") {
    for (const char* const name : {
             "base.27e20196a850.css",
             "css/base.27e20196a850.css",
             "jquery.min.27e20196a850.js",
             "name.8e0d2f1c.js",
             "name-8e0d2f1c.js",
             "main.8e0d2f1c.chunk.js",
             "main.8e0d2f1c.js.map",
             "a/b/main-8e0d2f1c.min.css",
             "my-long-name-d41d8cd98f00b204e9800998ecf8427e.png",
             "x.e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.js",
         }) {
      CAPTURE(name);
      CHECK(has_content_hash(name));
    }
  }

  TEST_CASE("dates, words, versions and UUIDs are no hashes") {
    for (const char* const name : {
             "",
             "base.css",
             "report-20240131.pdf",
             "report.20240131120000.pdf",
             "taste.defaced.js",
             "taste.deadbeef.js",
             "name.8e0d2f1.js",
             "name.8E0D2F1C.js",
             "name-BX3k2a9d.js",
             "name.8e0d2f1g.js",
             "lib-1.2.3-5-g8e0d2f1c.js",
             "photo-550e8400-e29b-41d4-a716-4466554400ab.jpg",
             "550e8400-e29b-41d4-a716-4466554400ab.jpg",
             "8e0d2f1c.js",
             "-8e0d2f1c.js",
             "name.8e0d2f1c",
             "name-8e0d2f1c",
             "8e0d2f1c.d/base.css",
             "v-8e0d2f1c.0/base.css",
             "x.0e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.js",
         }) {
      CAPTURE(name);
      CHECK_FALSE(has_content_hash(name));
    }
  }
}
