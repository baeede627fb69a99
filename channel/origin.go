package channel

import "strings"

// Origin is what an event says, or its addresses say for it, about where it
// came from. Absent fields are empty.
type Origin struct {
	Source, Medium, Campaign string
	ID                       string // utm_id
}

// clickIDs are the ids that advertising systems add to a landing page, in the
// order in which they are asked, with what each says.
var clickIDs = [...]struct{ name, source, medium string }{
	{"gclid", "google", "cpc"},
	{"gbraid", "google", "cpc"},
	{"wbraid", "google", "cpc"},
	{"msclkid", "bing", "cpc"},
	{"ttclid", "tiktok", "cpc"},
	{"twclid", "twitter", "cpc"},
	{"li_fat_id", "linkedin", "cpc"},
	{"fbclid", "facebook", "social"},
}

// Fill gives o with what is absent taken from the addresses: each field from
// its utm parameter; then, where source and medium are both still absent, both
// from a click id of the page, else from the host of the referrer.
func Fill(o Origin, pageURL, referrer string) Origin {
	p := parsePage(pageURL)
	o.ID = p.id.text
	if o.Source == "" {
		o.Source = p.source.text
	}
	if o.Medium == "" {
		o.Medium = p.medium.text
	}
	if o.Campaign == "" {
		o.Campaign = p.campaign.text
	}
	if o.Source != "" || o.Medium != "" {
		return o
	}
	for i, c := range clickIDs {
		if p.clicks[i].text != "" {
			o.Source, o.Medium = c.source, c.medium
			return o
		}
	}
	if referrer != "" {
		o.Source, o.Medium = fromReferrer(referrer, pageURL)
	}
	return o
}

// fromReferrer names the site that linked to the page; a site is not its own
// referrer. A referrer without a host says nothing.
func fromReferrer(referrer, pageURL string) (source, medium string) {
	var b1, b2 [foldSize]byte
	raw := hostOf(referrer)
	host := fold(raw, &b1)
	if host == "" || host == fold(hostOf(pageURL), &b2) {
		return "", ""
	}
	// The spelling of the host as sent is kept, so that it need not be copied;
	// Group ignores case.
	source = raw
	if strings.HasPrefix(host, "www.") && len(host) > len("www.") {
		source, host = raw[len("www."):], host[len("www."):]
	}
	switch classOf(host) {
	case search:
		return source, "organic"
	case social:
		return source, "social"
	case video:
		return source, "video"
	}
	return source, "referral"
}

// hostOf is the host of an absolute or scheme-relative address, without user,
// port and the brackets of IPv6; empty when there is none.
func hostOf(address string) string {
	s := strings.TrimSpace(address)
	if n := strings.IndexAny(s, ":/?#"); n > 0 && s[n] == ':' && isScheme(s[:n]) {
		s = s[n+1:]
	}
	s, ok := strings.CutPrefix(s, "//")
	if !ok {
		return ""
	}
	if n := strings.IndexAny(s, "/?#"); n >= 0 {
		s = s[:n]
	}
	if n := strings.LastIndexByte(s, '@'); n >= 0 {
		s = s[n+1:]
	}
	if strings.HasPrefix(s, "[") {
		n := strings.IndexByte(s, ']')
		if n < 0 {
			return ""
		}
		return s[1:n]
	}
	if n := strings.IndexByte(s, ':'); n >= 0 {
		s = s[:n]
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return "" // no host name holds blanks: the address is broken
		}
	}
	return s
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if !(c >= 'a' && c <= 'z') && (i == 0 || !(s[i] >= '0' && s[i] <= '9' || s[i] == '+' || s[i] == '-' || s[i] == '.')) {
			return false
		}
	}
	return s != ""
}
