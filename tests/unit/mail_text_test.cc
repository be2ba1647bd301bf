#include "jobs/mail_text.h"

#include <string>

#include "tests/support/catch.h"

namespace deskwire::jobs {

TEST_CASE("an HTML mail becomes the text that a person reads", "[jobs][mail]") {
  CHECK(mail_text("<html><head><title>x</title><style>p{color:red}</style></head><body><p>Hello "
                  "<b>Ann</b>,</p><p>see &amp;  <a href=\"https://a.example/x\">the page</a>.</p>"
                  "<ul><li>one</li><li>two</li></ul><script>alert(1)</script></body></html>") ==
        "Hello Ann,\n\nsee & the page (https://a.example/x).\n\n- one\n- two");
  CHECK(mail_text("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>") == "a b\nc");
  CHECK(mail_text("line<br>next") == "line\nnext");
}

TEST_CASE("older mails that mail programs quote are left out, unless there is nothing else",
          "[jobs][mail]") {
  CHECK(
      mail_text("<div>Yes, please.</div><div class=\"gmail_quote\"><div>On Monday Bob wrote:</div>"
                "<blockquote>Do you want it?</blockquote></div>") == "Yes, please.");
  CHECK(mail_text("<p>Yes</p><div id=\"divRplyFwdMsg\">From: Bob</div>") == "Yes");
  CHECK(mail_text("<blockquote>only this</blockquote>") == "only this");
}

TEST_CASE("a mail that is made to be slow is not parsed", "[jobs][mail]") {
  std::string deep;
  for (std::size_t i = 0; i <= kMaxMailTags; ++i) deep += "<div>";
  CHECK(mail_text(deep) == deep);
  std::string deepest;
  for (std::size_t i = 0; i < kMaxMailTags; ++i) deepest += "<b>";
  CHECK(mail_text(deepest + "x") == "x");
  CHECK(mail_text("").empty());
}

TEST_CASE("angle brackets alone make no HTML mail", "[jobs][mail]") {
  CHECK(is_html_mail("Hello<BR>Ann"));
  CHECK(is_html_mail("<div dir=\"ltr\">Hi</div>"));
  CHECK_FALSE(is_html_mail("1 < 2 and Bob <bob@a.example>"));
}

}  // namespace deskwire::jobs
