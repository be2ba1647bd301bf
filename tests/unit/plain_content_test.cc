#include "jobs/plain_content.h"

#include <array>
#include <cctype>
#include <string>

#include "tests/support/catch.h"

using deskwire::jobs::cut_characters;
using deskwire::jobs::plain_content;

namespace {

/// The promise of plain_content: no browser would leave the text state at any '<'.
bool holds_no_markup(const std::string& text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] != '<') continue;
    const auto letter = [&](std::size_t at) {
      return at < text.size() && std::isalpha(static_cast<unsigned char>(text[at])) != 0;
    };
    if (letter(i + 1) || text[i + 1] == '!' || text[i + 1] == '?') return false;
    if (text[i + 1] == '/' && letter(i + 2)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("plain text stays as it was written", "[jobs][plain_content]") {
  for (const char* text : {"",
                           "Hi, where is my order #8841?",
                           "a < b",
                           "i <3 you",
                           "1<2 and 3>2",
                           "</3",
                           "<",
                           "a <",
                           "<>",
                           "< br >",
                           "5 & 6",
                           "AT&T",
                           "&",
                           "&;",
                           "&unknown;",
                           "&#xZZ;",
                           "tabs\tand\nbreaks\n\n\n",
                           "**bold** and `code`",
                           "olá 👩‍👩‍👧‍👦 \u202E rtl",
                           "x <- y -> z",
                           "  spaces  "}) {
    CAPTURE(text);
    CHECK(plain_content(text) == text);
  }
}

TEST_CASE("tags are dropped and block tags break the line", "[jobs][plain_content]") {
  CHECK(plain_content("<b>Hi</b> <i class=\"x\">there</i>") == "Hi there");
  CHECK(plain_content("<p>Hi</p><p>there</p>") == "Hi\n\nthere");
  CHECK(plain_content("one<br>two<BR/>three<br />four") == "one\ntwo\nthree\nfour");
  CHECK(plain_content("<ul><li>a</li><li>b</li></ul>") == "a\n\nb");
  CHECK(plain_content("<div><div><div>x</div></div></div>y") == "x\n\ny");
  CHECK(plain_content("a<!-- <b>secret</b> -->b") == "ab");
  CHECK(plain_content("<!DOCTYPE html><html><head><title>T</title></head><body>x</body></html>") ==
        "x");
  CHECK(plain_content("<?xml version=\"1.0\"?>x") == "x");
  CHECK(plain_content("<o:p>office</o:p> <x-card a=1>c</x-card>") == "office c");
  CHECK(plain_content("<a title=\"2>1\" href='#'>link</a>") == "link");
  CHECK(plain_content("<img src=x onerror=alert(1)>x<svg/onload=alert(1)>y") == "xy");
}

TEST_CASE("what scripts and styles hold is no text", "[jobs][plain_content]") {
  CHECK(plain_content("a<script>alert('<b>')</script>b") == "ab");
  CHECK(plain_content("a<STYLE type=text/css>p{color:red}</style >b") == "ab");
  CHECK(plain_content("a<script>never closed") == "a");
  CHECK(plain_content("a<script>x</script") == "a");
  CHECK(plain_content("a<iframe src=x>fallback</iframe>b") == "ab");
}

TEST_CASE("entities are decoded once", "[jobs][plain_content]") {
  CHECK(plain_content("a &lt; b &amp;&amp; c &gt; d") == "a < b && c > d");
  CHECK(plain_content("&amp;lt;") == "&lt;");
  CHECK(plain_content("&#8364;&#x1F44B;&euro;&nbsp;&eacute;") == "€👋€ é");
  CHECK(plain_content("&#0;&#1;x&#xD800;&#x110000;&#10;y") == "x&#xD800;&#x110000;\ny");
}

TEST_CASE("addresses in angle brackets keep their text", "[jobs][plain_content]") {
  CHECK(plain_content("Jane <jane@example.com> wrote") == "Jane jane@example.com wrote");
  CHECK(plain_content("see <https://acme.test/a?b=1&c=2>") == "see https://acme.test/a?b=1&c=2");
}

TEST_CASE("a bracket that only looks like a tag stays, but cannot become one",
          "[jobs][plain_content]") {
  CHECK(plain_content("if x<y then") == "if x< y then");
  CHECK(plain_content("x <y and y> z") == "x < y and y> z");
  CHECK(plain_content("<b never closed") == "< b never closed");
  CHECK(plain_content("<!-- never closed <b>x</b>") == "< !-- never closed x");
}

TEST_CASE("no trick puts a tag together", "[jobs][plain_content]") {
  for (const char* text : {"<<b>script>alert(1)<</b>/script>",
                           "&lt;script&gt;alert(1)&lt;/script&gt;",
                           "<scr<script>x</script>ipt>alert(1)",
                           "<scr\x01ipt>",
                           "<\x01script>alert(1)</script>",
                           "<b <b <b <b",
                           "<a href=\"<b\"",
                           "<img src=\"x\" onerror='alert(1)",
                           "<\tscript>",
                           "<!--><script>x</script>",
                           "<!-- --!><script>x</script>",
                           "<https://x/onclick=alert(1)>",
                           "&#60;img src=x onerror=alert(1)&#62;",
                           "<svg><script>x",
                           "</p/onclick=1",
                           "<!x",
                           "<?x",
                           "<b@c.d onclick=x>",
                           "<<<<b",
                           "< /b",
                           "<\r\nb>",
                           "<a b=\">\"<img src=x>"}) {
    CAPTURE(text);
    CHECK(holds_no_markup(plain_content(text)));
  }
}

TEST_CASE("hostile text is cleaned in linear time", "[jobs][plain_content]") {
  // Each of these once made naive scanners quadratic: at this size that is a minute, not a moment.
  for (const char* piece :
       {"<b ", "<b a=\"", "<b a='x", "<!--", "<script></", "&#", "<a@", "</b "}) {
    CAPTURE(piece);
    std::string text;
    while (text.size() < 400'000) text += piece;
    CHECK(holds_no_markup(plain_content(text + ">")));
    CHECK(holds_no_markup(plain_content(text)));
  }
}

TEST_CASE("random soup of markup never lets a tag through", "[jobs][plain_content]") {
  const std::array<const char*, 18> pieces{"<",  ">",   "/",    "b",    "script", "!--",
                                           "--", "\"",  "'",    "=",    " ",      "&lt;",
                                           "@",  "://", "a\nb", "\x01", "p",      "&#60;"};
  std::uint32_t state = 1;
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (int i = 0; i < 14; ++i) {
      state = state * 1664525U + 1013904223U;
      text += pieces[(state >> 16U) % pieces.size()];
    }
    const std::string cleaned = plain_content(text);
    INFO(text);
    REQUIRE(holds_no_markup(cleaned));
  }
}

TEST_CASE("text is cut between two characters", "[jobs][plain_content]") {
  CHECK(cut_characters("abc", 3) == "abc");
  CHECK(cut_characters("abcd", 3) == "abc");
  CHECK(cut_characters("ééé", 3) == "ééé");
  CHECK(cut_characters("éééé", 3) == "ééé");
  CHECK(cut_characters("👋👋", 1) == "👋");
  CHECK(cut_characters("", 0).empty());
  CHECK(cut_characters("x", 0).empty());
  std::string long_text;
  for (int i = 0; i < 150'010; ++i) long_text += "é";
  CHECK(plain_content(long_text).size() == 300'000);
  CHECK(plain_content("<p>" + long_text + "</p>").size() == 300'000);
}
