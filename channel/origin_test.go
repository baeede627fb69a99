package channel

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFill(t *testing.T) {
	const site = "https://shop.example/"
	for _, c := range []struct {
		name, page, referrer string
		has, want            Origin
	}{
		{"nothing", site, "", Origin{}, Origin{}},
		{"utm", site + "?id=1&utm_source=a&utm_medium=b&utm_campaign=c&utm_id=d", "", Origin{}, Origin{"a", "b", "c", "d"}},
		{"as sent goes first", site + "?utm_source=a&utm_medium=b&utm_campaign=c&utm_id=d", "", Origin{Source: "s", Campaign: "k"}, Origin{"s", "b", "k", "d"}},
		{"fragment is no query", site + "#?utm_source=a", "", Origin{}, Origin{}},
		{"fragment ends the query", site + "?utm_medium=b#&utm_source=a", "", Origin{}, Origin{Medium: "b"}},
		{"names are case-sensitive", site + "?UTM_SOURCE=a&utm_Medium=b&GCLID=7", "", Origin{}, Origin{}},
		{"first of repeated", site + "?utm_source=a&utm_source=b", "", Origin{}, Origin{Source: "a"}},
		{"an empty first is absent", site + "?utm_source=&utm_source=b&utm_medium&utm_medium=c", "", Origin{}, Origin{}},
		{"plus and escapes", site + "?utm_source=a+b%20c%2Bd&utm_medium=%C3%A9", "", Origin{}, Origin{Source: "a b c+d", Medium: "é"}},
		{"escaped name", site + "?utm%5Fsource=a", "", Origin{}, Origin{Source: "a"}},
		{"broken escapes stay", site + "?utm_source=50%&utm_medium=%zz%4&utm_campaign=%%41", "", Origin{}, Origin{Source: "50%", Medium: "%zz%4", Campaign: "%A"}},
		{"invalid UTF-8", site + "?utm_source=%ff%ffx&utm_medium=%f0%9f%98&utm_campaign=%e2%82a%c3", "", Origin{}, Origin{Source: "\ufffd\ufffdx", Medium: "\ufffd", Campaign: "\ufffda\ufffd"}},
		{"surrogates and overlong", site + "?utm_source=%ed%a0%80&utm_medium=%c0%af", "", Origin{}, Origin{Source: "\ufffd\ufffd\ufffd", Medium: "\ufffd\ufffd"}},
		{"second question mark", site + "?utm_source=a?utm_medium=b", "", Origin{}, Origin{Source: "a?utm_medium=b"}},

		{"gclid", site + "?gclid=1", "https://blog.example/", Origin{}, Origin{Source: "google", Medium: "cpc"}},
		{"gbraid", site + "?gbraid=1", "", Origin{}, Origin{Source: "google", Medium: "cpc"}},
		{"wbraid", site + "?wbraid=1", "", Origin{}, Origin{Source: "google", Medium: "cpc"}},
		{"msclkid", site + "?msclkid=1", "", Origin{}, Origin{Source: "bing", Medium: "cpc"}},
		{"ttclid", site + "?ttclid=1", "", Origin{}, Origin{Source: "tiktok", Medium: "cpc"}},
		{"twclid", site + "?twclid=1", "", Origin{}, Origin{Source: "twitter", Medium: "cpc"}},
		{"li_fat_id", site + "?li_fat_id=1", "", Origin{}, Origin{Source: "linkedin", Medium: "cpc"}},
		{"fbclid", site + "?fbclid=1", "", Origin{}, Origin{Source: "facebook", Medium: "social"}},
		{"the order of the list", site + "?fbclid=1&gclid=2", "", Origin{}, Origin{Source: "google", Medium: "cpc"}},
		{"empty click id", site + "?gclid=", "", Origin{}, Origin{}},
		{"click id with a medium", site + "?utm_medium=email&fbclid=1", "https://t.co/", Origin{}, Origin{Medium: "email"}},
		{"click id with a source", site + "?gclid=1", "", Origin{Source: "nl"}, Origin{Source: "nl"}},
		{"click id with a campaign", site + "?utm_campaign=only&gclid=8", "", Origin{}, Origin{Source: "google", Medium: "cpc", Campaign: "only"}},

		{"search", site, "https://www.google.com/search?q=x", Origin{}, Origin{Source: "google.com", Medium: "organic"}},
		{"social", site, "https://m.facebook.com/", Origin{}, Origin{Source: "m.facebook.com", Medium: "social"}},
		{"t.co", site, "https://t.co/abc", Origin{}, Origin{Source: "t.co", Medium: "social"}},
		{"video", site, "https://www.youtube.com/watch?v=1", Origin{}, Origin{Source: "youtube.com", Medium: "video"}},
		{"shopping is a referral", site, "https://amazon.com/dp/1", Origin{}, Origin{Source: "amazon.com", Medium: "referral"}},
		{"other", site, "https://blog.example/post", Origin{}, Origin{Source: "blog.example", Medium: "referral"}},
		{"port", site, "https://www.reddit.com:443/r/x", Origin{}, Origin{Source: "reddit.com", Medium: "social"}},
		{"user", site, "https://a:b@x.com/", Origin{}, Origin{Source: "x.com", Medium: "social"}},
		{"without scheme", site, "//bing.com/", Origin{}, Origin{Source: "bing.com", Medium: "organic"}},
		{"no host", site, "bing.com/search", Origin{}, Origin{}},
		{"not an address", site, "https://", Origin{}, Origin{}},
		{"broken", site, "https://exa mple/", Origin{}, Origin{}},
		{"broken IPv6", site, "https://[::1/", Origin{}, Origin{}},
		{"IPv6", site, "http://[2001:db8::1]:80/", Origin{}, Origin{Source: "2001:db8::1", Medium: "referral"}},
		{"app", site, "android-app://com.example.app/x", Origin{}, Origin{Source: "com.example.app", Medium: "referral"}},
		{"itself", site, "https://shop.example/other", Origin{}, Origin{}},
		{"itself on another port, in capitals", site, "http://SHOP.example:8443/", Origin{}, Origin{}},
		{"itself with www. is another host", site, "https://www.shop.example/", Origin{}, Origin{Source: "shop.example", Medium: "referral"}},
		{"without a page", "", "https://shop.example/", Origin{}, Origin{Source: "shop.example", Medium: "referral"}},
		{"page that is no address", "shop.example/x", "https://shop.example/", Origin{}, Origin{Source: "shop.example", Medium: "referral"}},
		{"www. alone", site, "https://www./", Origin{}, Origin{Source: "www.", Medium: "referral"}},
	} {
		if got := Fill(c.has, c.page, c.referrer); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	// The spelling of a host does not change its channel.
	if o := Fill(Origin{}, site, "HTTPS://WWW.DuckDuckGo.com/"); o.Medium != "organic" || Group(o.Source, o.Medium, "", true) != OrganicSearch {
		t.Errorf("capitals: %q", o)
	}
}

// FuzzUnescape: no panic, always UTF-8, and what net/url gives wherever it
// finds nothing wrong.
func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"a+b%20c", "%", "%zz", "%ff", "%f0%9f%99%82", "%e2%82", "é%c3", "%C3%28"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip("records are UTF-8")
		}
		got := unescape(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q: %q is not UTF-8", s, got)
		}
		if want, err := url.QueryUnescape(s); err == nil && utf8.ValidString(want) && got != want {
			t.Fatalf("%q: %q, want %q", s, got, want)
		}
	})
}

// FuzzFill: no panic on any address, and a parameter is found exactly when
// splitting by hand finds it.
func FuzzFill(f *testing.F) {
	f.Add("https://a.example/?utm_source=x&gclid=1#y", "https://b.example/")
	f.Add("?utm_source&utm_source=2", "//[::1]:80@x")
	f.Fuzz(func(t *testing.T, page, referrer string) {
		got := Fill(Origin{}, page, referrer)
		want := ""
		before, _, _ := strings.Cut(page, "#")
		_, query, _ := strings.Cut(before, "?")
		for pair := range strings.SplitSeq(query, "&") {
			if name, value, _ := strings.Cut(pair, "="); unescape(name) == "utm_id" {
				want = unescape(value)
				break
			}
		}
		if got.ID != want {
			t.Fatalf("%q: utm_id %q, want %q", page, got.ID, want)
		}
		Group(got.Source, got.Medium, got.Campaign, true)
	})
}
