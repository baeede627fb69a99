package fraud

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/event"
)

// listDir writes list files and gives their directory.
func listDir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func testLists(t testing.TB) *Lists {
	t.Helper()
	dir := listDir(t, map[string]string{
		"bots.txt":    "# crawlers\nGooglebot\\/\n(?i)examplecrawler\r\n\n^curl|^wget\n",
		"block.txt":   "\ufeff84.129.66.0/24\n\n2003:f0:bad::/48\n84.131.1.7\n::ffff:84.132.0.0/112\n",
		"hosting.txt": "84.130.0.0/16\n84.129.66.0/25",
		"allow.txt":   "84.130.7.0/24\n84.129.66.128/25\n",
	})
	l, err := LoadLists(ListsConfig{
		BotUserAgents: []string{"bots.txt"}, BlockIPs: []string{"block.txt"}, HostingIPs: []string{"hosting.txt"},
		AllowIPs: []string{filepath.Join(dir, "allow.txt")},
	}, dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestJudge(t *testing.T) {
	l := testLists(t)
	bot, blocked, hosting := event.BotUserAgent.Set(), event.BlockedIP.Set(), event.DatacenterIP.Set()
	all := []event.Kind{event.Impression, event.Click, event.Conversion, event.Behavioural, event.Identify, event.Adjustment}
	cache := NewUACache()
	for _, c := range []struct {
		ua, ip string
		want   [6]event.Reasons // by all
	}{
		{"Mozilla", "", [6]event.Reasons{}},
		{"", "", [6]event.Reasons{}},
		{"x Googlebot/2.1", "", [6]event.Reasons{bot, bot, 0, bot, 0, 0}},
		{"googlebot/2.1", "", [6]event.Reasons{}}, // case-sensitive
		{"an EXAMPLECRAWLER", "", [6]event.Reasons{bot, bot, 0, bot, 0, 0}},
		{"wget/1", "", [6]event.Reasons{bot, bot, 0, bot, 0, 0}},
		{"a wget/1", "", [6]event.Reasons{}},
		{"", "84.129.66.127", [6]event.Reasons{blocked | hosting, blocked | hosting, blocked, blocked, 0, 0}},
		{"", "84.129.66.128", [6]event.Reasons{}}, // allowed
		{"", "84.129.67.0", [6]event.Reasons{}},
		{"", "84.129.65.255", [6]event.Reasons{}},
		{"", "84.130.6.255", [6]event.Reasons{hosting, hosting, 0, 0, 0, 0}},
		{"", "84.130.7.0", [6]event.Reasons{}},
		{"", "84.130.255.255", [6]event.Reasons{hosting, hosting, 0, 0, 0, 0}},
		{"", "84.131.1.7", [6]event.Reasons{blocked, blocked, blocked, blocked, 0, 0}},
		{"", "84.131.1.8", [6]event.Reasons{}},
		{"", "84.132.255.1", [6]event.Reasons{blocked, blocked, blocked, blocked, 0, 0}},
		{"", "2003:f0:bad::1", [6]event.Reasons{blocked, blocked, blocked, blocked, 0, 0}},
		{"", "2003:f0:bad:ffff:ffff:ffff:ffff:ffff", [6]event.Reasons{blocked, blocked, blocked, blocked, 0, 0}},
		{"", "2003:f0:bae::", [6]event.Reasons{}},
		{"curl/8", "84.131.1.7", [6]event.Reasons{bot | blocked, bot | blocked, blocked, bot | blocked, 0, 0}},
	} {
		for i, kind := range all {
			e := &event.Event{Kind: kind, UserAgent: c.ua}
			if c.ip != "" {
				e.IP = netip.MustParseAddr(c.ip)
			}
			for _, cache := range []*UACache{nil, cache, cache} {
				if got := l.Judge(e, cache); got != c.want[i] {
					t.Errorf("%s %q %s: %v, want %v", kind.TypeName(), c.ua, c.ip, got.Names(), c.want[i].Names())
				}
			}
		}
	}
}

func TestLoadListsFaults(t *testing.T) {
	dir := listDir(t, map[string]string{"bots.txt": "ok\n(\n# fine\na{2,1}\n", "ips.txt": "1.2.3.4\n1.2.3\n1.2.3.0/33\nfe80::1%eth0\n# x\n 5.6.7.0/24 \n"})
	_, err := LoadLists(ListsConfig{BotUserAgents: []string{"bots.txt", "none.txt"}, AllowIPs: []string{"ips.txt"}, BlockIPs: []string{"."}}, dir)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"bots.txt:2", "bots.txt:4", "bot_user_agents[1]", "none.txt", "ips.txt:2", "ips.txt:3", "ips.txt:4", "block_ips[0]"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 7 {
		t.Errorf("%d faults, want 7:\n%v", n, err)
	}
}

func TestVersion(t *testing.T) {
	load := func(cfg ListsConfig, files map[string]string) string {
		l, err := LoadLists(cfg, listDir(t, files))
		if err != nil {
			t.Fatal(err)
		}
		return l.Version()
	}
	one := ListsConfig{BlockIPs: []string{"a"}}
	a, again := load(one, map[string]string{"a": "1.2.3.4\n"}), load(one, map[string]string{"a": "1.2.3.4\n"})
	if a != again || len(a) != 12 {
		t.Errorf("versions %q and %q of the same lists", a, again)
	}
	for name, v := range map[string]string{
		"other contents": load(one, map[string]string{"a": "1.2.3.5\n"}),
		"another list":   load(ListsConfig{AllowIPs: []string{"a"}}, map[string]string{"a": "1.2.3.4\n"}),
		"builtin too":    load(ListsConfig{BlockIPs: []string{"a"}, Builtin: true}, map[string]string{"a": "1.2.3.4\n"}),
	} {
		if v == a {
			t.Errorf("%s: the same version", name)
		}
	}
}

func TestBuiltin(t *testing.T) {
	l, err := LoadLists(ListsConfig{Builtin: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	judge := func(ua, ip string) event.Reasons {
		e := &event.Event{Kind: event.Click, UserAgent: ua}
		if ip != "" {
			e.IP = netip.MustParseAddr(ip)
		}
		return l.Judge(e, nil)
	}
	for _, ua := range []string{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36", "curl/8.5.0", "python-requests/2.32.3",
		"Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
	} {
		if judge(ua, "") != event.BotUserAgent.Set() {
			t.Errorf("%s is no crawler", ua)
		}
	}
	for _, ua := range []string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
		"Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 350.0.0",
	} {
		if judge(ua, "") != 0 {
			t.Errorf("%s is a crawler", ua)
		}
	}
	if judge("", "3.80.1.1") != event.DatacenterIP.Set() || judge("", "0.0.0.0") != event.BlockedIP.Set() || judge("", "17.1.2.3") != 0 || judge("", "192.168.1.1") != 0 || judge("", "203.0.113.7") != 0 {
		t.Error("the builtin ranges do not do what they say")
	}
	if len(l.bots.plain) == 0 || len(l.bots.prefixes) == 0 || len(l.bots.guarded) == 0 || len(l.allow.v4) == 0 || len(l.allow.v6) == 0 {
		t.Error("a builtin list is empty")
	}
}

// TestRangesReference compares with asking every prefix.
func TestRangesReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	address := func(v6 bool) netip.Addr { // few different bits, so that prefixes overlap and touch
		var b [16]byte
		for i := range b {
			b[i] = []byte{0, 0, 1, 2, 127, 128, 255, 255}[rng.IntN(8)]
		}
		if v6 {
			b[0] = 0x20
			return netip.AddrFrom16(b)
		}
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	for range 300 {
		var r ranges
		var prefixes []netip.Prefix
		for range rng.IntN(40) {
			a := address(rng.IntN(2) == 0)
			p := netip.PrefixFrom(a, rng.IntN(a.BitLen()+1))
			if rng.IntN(3) > 0 {
				p = netip.PrefixFrom(a, a.BitLen()-rng.IntN(12))
			}
			prefixes = append(prefixes, p)
			if err := r.add(p.String()); err != nil {
				t.Fatal(err)
			}
		}
		r.ready()
		for range 300 {
			a := address(rng.IntN(2) == 0)
			if len(prefixes) > 0 && rng.IntN(2) == 0 { // at an edge
				if a = prefixes[rng.IntN(len(prefixes))].Masked().Addr(); rng.IntN(2) == 0 {
					if a = a.Prev(); !a.IsValid() {
						continue
					}
				}
			}
			want := false
			for _, p := range prefixes {
				want = want || p.Contains(a)
			}
			if got := r.contains(a); got != want {
				t.Fatalf("%s in %v: %v", a, prefixes, got)
			}
			if a.Is4() && r.contains(netip.AddrFrom16(a.As16())) != want {
				t.Fatalf("%s in its IPv6 form differs", a)
			}
		}
	}
}

// TestPatternsReference: joined and taken apart, the patterns find what each
// would find alone, flags and anchors included.
func TestPatternsReference(t *testing.T) {
	lines := []string{`abc`, `a\/b`, `(?i)xyz`, `^start`, `end$`, `p|q`, `[0-9]{3}`, `B`, `(?s)n.m`, `^12`, `(?:m|3)+B-`, `(a-)+b?`, `(?:-12){2}`, `(?:n3)?-bc`}
	var p patterns
	for _, line := range lines {
		if err := p.add(line); err != nil {
			t.Fatal(err)
		}
	}
	p.ready()
	rng := rand.New(rand.NewPCG(1, 2))
	var each []*regexp.Regexp
	for _, line := range lines {
		each = append(each, regexp.MustCompile(line))
	}
	for range 50_000 {
		var b strings.Builder
		for range rng.IntN(8) {
			b.WriteString([]string{"a", "bc", "/b", "XyZ", "start", "end", "12", "3", "n", "\n", "m", "b", "B", "-"}[rng.IntN(14)])
		}
		want := false
		for _, re := range each {
			want = want || re.MatchString(b.String())
		}
		if got := p.match(b.String()); got != want {
			t.Fatalf("%q: %v", b.String(), got)
		}
	}
}

// TestUACacheCollisions: two User-Agents in one slot do not answer for each other.
func TestUACacheCollisions(t *testing.T) {
	l, cache := testLists(t), NewUACache()
	for i := range 4 * cacheSlots {
		e := event.Event{Kind: event.Click, UserAgent: "Browser/" + strconv.Itoa(i/2)}
		if i%2 == 1 {
			e.UserAgent = "Googlebot/" + strconv.Itoa(i/2)
		}
		if got := l.Judge(&e, cache); (got != 0) != (i%2 == 1) {
			t.Fatalf("%s: %v", e.UserAgent, got.Names())
		}
	}
	other, err := LoadLists(ListsConfig{}, "")
	if err != nil {
		t.Fatal(err)
	}
	e := event.Event{Kind: event.Click, UserAgent: "Googlebot/1"}
	if l.Judge(&e, cache) == 0 || other.Judge(&e, cache) != 0 {
		t.Error("the cache answers for other lists")
	}
}

func BenchmarkContains(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	var r ranges
	for range 30_000 {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], rng.Uint32())
		_ = r.add(netip.PrefixFrom(netip.AddrFrom4(a), 24).String())
	}
	r.ready()
	var asked [1024]netip.Addr
	for i := range asked {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], rng.Uint32())
		asked[i] = netip.AddrFrom4(a)
	}
	i := 0
	for b.Loop() {
		r.contains(asked[i&1023])
		i++
	}
}

func BenchmarkJudge(b *testing.B) {
	l, err := LoadLists(ListsConfig{Builtin: true}, "")
	if err != nil {
		b.Fatal(err)
	}
	e := event.Event{
		Kind: event.Impression, IP: netip.MustParseAddr("84.163.137.121"),
		UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
	}
	b.Run("cached", func(b *testing.B) {
		cache := NewUACache()
		for b.Loop() {
			l.Judge(&e, cache)
		}
	})
	b.Run("uncached", func(b *testing.B) {
		for b.Loop() {
			l.Judge(&e, nil)
		}
	})
}
