package oracle

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tributary-data/tributary/event"
)

// describe fills campaign and channel from the fields, the page's parameters
// and the referrer.
func describe(e *event.Event, r record) {
	page, referrer := r.str("page_url").optional(), r.str("referrer").optional()
	params := queryOf(page)
	fieldOr := func(name, param string) string {
		if v := r.str(name).optional(); v != "" {
			return v
		}
		return params[param]
	}
	source, medium := fieldOr("source", "utm_source"), fieldOr("medium", "utm_medium")
	campaign := fieldOr("campaign", "utm_campaign")
	if source == "" && medium == "" {
		source, medium = guess(params, page, referrer)
	}

	for _, v := range []string{r.id("campaign_id").optional(), params["utm_id"], campaign} {
		if e.Campaign == "" {
			e.Campaign = v
		}
	}
	e.Channel = r.str("channel").optional()
	if e.Channel == "" {
		delivery := e.Kind == event.Impression || e.Kind == event.Click
		e.Channel = Channel(source, medium, campaign, delivery)
	}
}

// clickIDs are the parameters that tell who sold a click, the first found counts.
var clickIDs = []struct{ param, source, medium string }{
	{"gclid", "google", "cpc"},
	{"gbraid", "google", "cpc"},
	{"wbraid", "google", "cpc"},
	{"msclkid", "bing", "cpc"},
	{"ttclid", "tiktok", "cpc"},
	{"twclid", "twitter", "cpc"},
	{"li_fat_id", "linkedin", "cpc"},
	{"fbclid", "facebook", "social"},
}

// guess finds source and medium by a click id, else by the referrer.
func guess(params map[string]string, page, referrer string) (source, medium string) {
	for _, c := range clickIDs {
		if params[c.param] != "" {
			return c.source, c.medium
		}
	}
	host := hostOf(referrer)
	if host == "" || host == hostOf(page) {
		return "", ""
	}
	source, medium = strings.TrimPrefix(host, "www."), "referral"
	for list, m := range map[string]string{"search": "organic", "social": "social", "video": "video"} {
		if inList(list, source) {
			medium = m
		}
	}
	return source, medium
}

var urlHost = regexp.MustCompile(`\A[A-Za-z][A-Za-z0-9+.-]*://([^/?#\\]*)`)

// hostOf is the host of a URL in lower case, without user and port.
func hostOf(url string) string {
	p := urlHost.FindStringSubmatch(strings.TrimSpace(url))
	if p == nil {
		return ""
	}
	host := p[1][strings.LastIndexByte(p[1], '@')+1:]
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.ToLower(host)
}

// queryOf gives the parameters of a URL, of repeated ones the first.
func queryOf(url string) map[string]string {
	url, _, _ = strings.Cut(url, "#")
	_, query, _ := strings.Cut(url, "?")
	out := map[string]string{}
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		name = unescape(name)
		if _, ok := out[name]; !ok {
			out[name] = unescape(value)
		}
	}
	return out
}

var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// unescape leaves a broken escape as it is; bytes that are not UTF-8 become
// U+FFFD, one for each longest beginning of a character.
func unescape(s string) string {
	s = escape.ReplaceAllStringFunc(strings.ReplaceAll(s, "+", " "), func(x string) string {
		return string([]byte{byte(hex4([]byte("00" + x[1:])))})
	})
	var b strings.Builder
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		// A fault reaches as far as its bytes could still begin a character.
		for r == utf8.RuneError && n < len(s) && !utf8.FullRuneInString(s[:n+1]) {
			n++
		}
		b.WriteRune(r)
		s = s[n:]
	}
	return b.String()
}

// sourceLists hold the names that the contract requires.
var sourceLists = map[string][]string{
	"search":   {"google", "bing", "yahoo", "duckduckgo", "baidu", "yandex", "ecosia"},
	"social":   {"facebook", "instagram", "linkedin", "twitter", "t.co", "x.com", "reddit", "pinterest", "tiktok", "snapchat", "quora"},
	"video":    {"youtube", "vimeo", "twitch"},
	"shopping": {"amazon", "ebay", "etsy", "walmart", "shopify"},
}

// inList: a name itself, as name.com, and with www. or m. before.
func inList(list, source string) bool {
	for _, prefix := range []string{"", "www.", "m."} {
		if rest, ok := strings.CutPrefix(source, prefix); ok {
			if slices.Contains(sourceLists[list], rest) || slices.Contains(sourceLists[list], strings.TrimSuffix(rest, ".com")) {
				return true
			}
		}
	}
	return false
}

var (
	shopCampaign = regexp.MustCompile(`(?s)\A(.*(([^a-df-z]|\A)shop|shopping).*)\z`)
	paidMedium   = regexp.MustCompile(`(?s)\A(.*cp.*|ppc|retargeting|paid.*)\z`)
	videoMedium  = regexp.MustCompile(`(?s)\A(.*video.*)\z`)
)

// Channel is the GA4 default channel grouping, in the order of its rules.
// delivery says that the event is an impression or a click.
func Channel(source, medium, campaign string, delivery bool) string {
	source, medium, campaign = plain(source), plain(medium), plain(campaign)
	if source == "direct" || source == "(direct)" {
		source = ""
	}
	is := func(v string, of ...string) bool { return slices.Contains(of, v) }
	shop := inList("shopping", source) || shopCampaign.MatchString(campaign)
	paid := paidMedium.MatchString(medium)
	switch {
	case source == "" && medium == "" && campaign == "":
		if delivery {
			return "Unassigned"
		}
		return "Direct"
	case strings.Contains(campaign, "cross-network"):
		return "Cross-network"
	case shop && paid:
		return "Paid Shopping"
	case inList("search", source) && paid:
		return "Paid Search"
	case inList("social", source) && paid:
		return "Paid Social"
	case inList("video", source) && paid:
		return "Paid Video"
	case is(medium, "display", "banner", "expandable", "interstitial", "cpm"):
		return "Display"
	case paid:
		return "Paid Other"
	case shop:
		return "Organic Shopping"
	case inList("social", source) || is(medium, "social", "social-network", "social-media", "sm", "social network", "social media"):
		return "Organic Social"
	case inList("video", source) || videoMedium.MatchString(medium):
		return "Organic Video"
	case inList("search", source) || medium == "organic":
		return "Organic Search"
	case is(medium, "referral", "app", "link"):
		return "Referral"
	case is(source, "email", "e-mail", "e_mail", "e mail") || is(medium, "email", "e-mail", "e_mail", "e mail"):
		return "Email"
	case medium == "affiliate":
		return "Affiliates"
	case medium == "audio":
		return "Audio"
	case source == "sms" || medium == "sms":
		return "SMS"
	case strings.HasSuffix(medium, "push") || strings.Contains(medium, "mobile") || strings.Contains(medium, "notification"):
		return "Mobile Push"
	}
	return "Unassigned"
}

// plain ignores case and surrounding blanks, and takes placeholders for absent.
func plain(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "(none)" || s == "(not set)" {
		return ""
	}
	return s
}
