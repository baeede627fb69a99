// Package channel says where traffic came from: it fills source, medium and
// campaign from a page's address and its referrer, and groups them into
// channels by the GA4 default channel grouping, with the product's own rules
// before it. It is pure: no I/O after start, no clock, no state.
//
// Invariants:
//  1. The same input gives the same channel, whatever came before it.
//  2. No input panics, and the time for one grows with its length alone.
//  3. The source lists are data in this directory, embedded and never changed.
package channel

import (
	"strings"
	"unsafe"
)

// The channels, by their GA4 names.
const (
	Direct          = "Direct"
	CrossNetwork    = "Cross-network"
	PaidShopping    = "Paid Shopping"
	PaidSearch      = "Paid Search"
	PaidSocial      = "Paid Social"
	PaidVideo       = "Paid Video"
	Display         = "Display"
	PaidOther       = "Paid Other"
	OrganicShopping = "Organic Shopping"
	OrganicSocial   = "Organic Social"
	OrganicVideo    = "Organic Video"
	OrganicSearch   = "Organic Search"
	Referral        = "Referral"
	Email           = "Email"
	Affiliates      = "Affiliates"
	Audio           = "Audio"
	SMS             = "SMS"
	MobilePush      = "Mobile Push"
	Unassigned      = "Unassigned"
)

// Group gives the channel of a source, medium and campaign; what is absent is
// empty. Advertised says that the event is an impression or a click: one of
// those cannot be Direct, since somebody paid to show it.
//
// The rules are GA4's, first match wins, over what is left when "(none)",
// "(not set)" and, as a source, "direct" and "(direct)" are taken as absent.
func Group(source, medium, campaign string, advertised bool) string {
	var b1, b2, b3 [foldSize]byte
	src := present(fold(source, &b1))
	med := present(fold(medium, &b2))
	cmp := present(fold(campaign, &b3))
	if src == "direct" || src == "(direct)" {
		src = ""
	}
	if src == "" && med == "" && cmp == "" {
		if advertised {
			return Unassigned
		}
		return Direct
	}
	return group(src, med, cmp)
}

// group is the table of rules from Cross-network on.
func group(src, med, cmp string) string {
	if strings.Contains(cmp, "cross-network") {
		return CrossNetwork
	}
	site, paid := classOf(src), isPaid(med)
	shop := site == shopping || isShopping(cmp)
	switch {
	case !paid:
	case shop:
		return PaidShopping
	case site == search:
		return PaidSearch
	case site == social:
		return PaidSocial
	case site == video:
		return PaidVideo
	}
	switch med {
	case "display", "banner", "expandable", "interstitial", "cpm":
		return Display
	}
	switch {
	case paid:
		return PaidOther
	case shop:
		return OrganicShopping
	case site == social, isSocial(med):
		return OrganicSocial
	case site == video, isVideo(med):
		return OrganicVideo
	case site == search, med == "organic":
		return OrganicSearch
	case med == "referral", med == "app", med == "link":
		return Referral
	case isEmail(med), isEmail(src):
		return Email
	case med == "affiliate":
		return Affiliates
	case med == "audio":
		return Audio
	case med == "sms", src == "sms":
		return SMS
	case strings.HasSuffix(med, "push"), strings.Contains(med, "mobile"), strings.Contains(med, "notification"):
		return MobilePush
	}
	return Unassigned
}

// isPaid matches ^(.*cp.*|ppc|retargeting|paid.*)$, where a dot is anything
// but a line feed.
func isPaid(med string) bool {
	if med == "ppc" || med == "retargeting" {
		return true
	}
	return (strings.Contains(med, "cp") || strings.HasPrefix(med, "paid")) && oneLine(med)
}

// isShopping matches ^(.*(([^a-df-z]|^)shop|shopping).*)$: "shop" at the start,
// after an "e" or after what is no letter, or "shopping" anywhere. A dot is
// anything but a line feed; the class before "shop" may be one.
func isShopping(cmp string) bool {
	for i := 0; ; i++ {
		n := strings.Index(cmp[i:], "shop")
		if n < 0 {
			return false
		}
		i += n
		before := byte('e')
		if i > 0 {
			before = cmp[i-1]
		}
		if before < 'a' || before == 'e' || before > 'z' || strings.HasPrefix(cmp[i:], "shopping") {
			if feeds := strings.Count(cmp, "\n"); feeds == 0 || feeds == 1 && before == '\n' {
				return true
			}
		}
	}
}

func oneLine(s string) bool { return strings.IndexByte(s, '\n') < 0 }

func isSocial(med string) bool {
	switch med {
	case "social", "social-network", "social-media", "sm", "social network", "social media":
		return true
	}
	return false
}

func isVideo(med string) bool { return strings.Contains(med, "video") && oneLine(med) }

func isEmail(s string) bool {
	switch s {
	case "email", "e-mail", "e_mail", "e mail":
		return true
	}
	return false
}

// present takes the markers that analytics tools write for nothing as nothing.
func present(s string) string {
	if s == "(none)" || s == "(not set)" {
		return ""
	}
	return s
}

// foldSize is the length up to which a name is put into lower case without
// memory of its own; campaign names are rarely longer.
const foldSize = 96

// fold takes the blanks around s away and puts ASCII letters into lower case.
// The result may alias buf.
func fold(s string, buf *[foldSize]byte) string {
	s = strings.TrimSpace(s)
	i := 0
	for i < len(s) && !(s[i] >= 'A' && s[i] <= 'Z') {
		i++
	}
	if i == len(s) {
		return s
	}
	b := buf[:0]
	if len(s) > len(buf) {
		b = make([]byte, 0, len(s))
	}
	b = b[:len(s)]
	for j := range len(s) {
		c := s[j]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b[j] = c
	}
	return unsafe.String(&b[0], len(b))
}
