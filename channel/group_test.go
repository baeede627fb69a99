package channel

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

func TestGroup(t *testing.T) {
	for _, c := range []struct {
		source, medium, campaign string
		want                     string
	}{
		{"", "", "", Direct},
		{"direct", "(none)", "(not set)", Direct},
		{" (Direct) ", "(NOT SET)", " ", Direct},
		{"(none)", "", "", Direct},
		{"direct", "(none)", "spring", Unassigned}, // something is present, and no rule matches
		{"direct", "cpc", "", PaidOther},
		{"google", "(none)", "", OrganicSearch},
		{"x", "direct", "", Unassigned}, // only as a source
		{"google", "cpc", "My Cross-Network 1", CrossNetwork},
		{"amazon", "cpc", "", PaidShopping},
		{"x", "ppc", "eshop", PaidShopping},
		{"x", "ppc", "bicycle shop", PaidShopping},
		{"x", "ppc", "workshop", PaidOther},
		{"x", "ppc", "workshopping", PaidShopping},
		{"x", "ppc", "bookshop shop", PaidShopping},
		{"Google", " CPC ", "workshop", PaidSearch},
		{"www.bing.com", "retargeting", "", PaidSearch},
		{"m.facebook.com", "paid_social", "", PaidSocial},
		{"t.co", "cpm", "", PaidSocial},
		{"x.com", "ppc", "", PaidSocial},
		{"x", "cpc", "", PaidOther},
		{"youtube", "cpv", "", PaidVideo},
		{"youtube", "cpm", "", PaidVideo},
		{"site", "cpm", "", Display},
		{"site", "Banner", "", Display},
		{"site", "recpt", "", PaidOther},
		{"shopify.com", "email", "", OrganicShopping},
		{"x", "email", "shop", OrganicShopping},
		{"x", "social media", "", OrganicSocial},
		{"www.quora.com", "referral", "", OrganicSocial},
		{"x", "in-video-ad", "", OrganicVideo},
		{"twitch", "link", "", OrganicVideo},
		{"ecosia", "email", "", OrganicSearch},
		{"x", "organic", "", OrganicSearch},
		{"blog.example", "referral", "", Referral},
		{"x", "app", "", Referral},
		{"x", "e_mail", "", Email},
		{"e-mail", "x", "", Email},
		{"x", "affiliate", "", Affiliates},
		{"affiliate", "x", "", Unassigned},
		{"x", "audio", "", Audio},
		{"audio", "x", "", Unassigned},
		{"x", "sms", "", SMS},
		{"SMS", "", "", SMS},
		{"x", "web_push", "", MobilePush},
		{"x", "mobile-app", "", MobilePush},
		{"x", "a notification b", "", MobilePush},
		{"x", "pushed", "", Unassigned},
		{"googleplex", "unheard", "", Unassigned},
		{"notgoogle.com", "x", "", Unassigned},
		{"google.com.evil.example", "x", "", Unassigned},
		{strings.Repeat("A", 500), strings.Repeat("B", 500) + "CPC", "", PaidOther},
	} {
		if got := Group(c.source, c.medium, c.campaign, false); got != c.want {
			t.Errorf("%q / %q / %q: %s, want %s", c.source, c.medium, c.campaign, got, c.want)
		}
		want := c.want
		if want == Direct {
			want = Unassigned
		}
		if got := Group(c.source, c.medium, c.campaign, true); got != want {
			t.Errorf("advertised %q / %q / %q: %s, want %s", c.source, c.medium, c.campaign, got, want)
		}
	}
}

// TestSources: every name of the contract in every spelling that it allows.
func TestSources(t *testing.T) {
	for c, names := range map[class]string{
		search:   "google bing yahoo duckduckgo baidu yandex ecosia",
		social:   "facebook instagram linkedin twitter t.co x.com reddit pinterest tiktok snapchat quora",
		video:    "youtube vimeo twitch",
		shopping: "amazon ebay etsy walmart shopify",
	} {
		for name := range strings.FieldsSeq(names) {
			for _, before := range []string{"", "www.", "m."} {
				for _, after := range []string{"", ".com"} {
					if got := classOf(before + name + after); got != c {
						t.Errorf("%s%s%s: class %d, want %d", before, name, after, got, c)
					}
				}
			}
		}
	}
	for name := range sources {
		if name != strings.ToLower(strings.TrimSpace(name)) || strings.ContainsAny(name, "=#/ ") {
			t.Errorf("source %q can never match", name)
		}
	}
	for _, name := range []string{"x", "co", "t", "facebook.org", "xgoogle", "google.", ".google", "www.", "blog.example"} {
		if classOf(name) != unlisted {
			t.Errorf("%q is listed", name)
		}
	}
}

// TestRegexps compares the matchers with the expressions that they stand for.
func TestRegexps(t *testing.T) {
	paid := regexp.MustCompile(`^(.*cp.*|ppc|retargeting|paid.*)$`)
	shop := regexp.MustCompile(`^(.*(([^a-df-z]|^)shop|shopping).*)$`)
	videos := regexp.MustCompile(`^(.*video.*)$`)
	rng := rand.New(rand.NewPCG(1, 2))
	parts := []string{"c", "p", "cp", "ppc", "retargeting", "paid", "shop", "shopping", "pin", "e", "d", "é", " ", "-", "\n", "video", "o", "sho", "7", "\u212a"}
	matched := 0
	for range 200_000 {
		var b strings.Builder
		for range rng.IntN(6) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		s := b.String()
		if got, want := isPaid(s), paid.MatchString(s); got != want {
			t.Fatalf("isPaid(%q) = %v", s, got)
		}
		if got, want := isShopping(s), shop.MatchString(s); got != want {
			t.Fatalf("isShopping(%q) = %v", s, got)
		} else if got {
			matched++
		}
		if got, want := isVideo(s), videos.MatchString(s); got != want {
			t.Fatalf("isVideo(%q) = %v", s, got)
		}
	}
	if matched < 1000 {
		t.Fatalf("only %d matches: the strings do not try the matcher", matched)
	}
}

func TestGroupAllocs(t *testing.T) {
	if n := testing.AllocsPerRun(1000, func() { Group("WWW.Google.com", " CPC ", "Spring Sale", true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGroup(b *testing.B) {
	for b.Loop() {
		Group("newsletter", "e-mail", "Spring Sale", true)
	}
}
