package fraud

import (
	"fmt"
	"hash/maphash"
	"regexp"
	"regexp/syntax"
	"strings"
)

// patterns are the patterns of crawlers. Plain text, anywhere or at the start,
// is looked for as such. Of the others, each that cannot match without some
// text is only tried where that text is found; what is left becomes one
// expression. So a User-Agent that nobody has sent before costs microseconds,
// not the time of hundreds of expressions.
type patterns struct {
	plain    []string // anywhere
	prefixes []string // at the start
	guarded  []guarded
	joined   []*regexp.Regexp

	open []string // to be joined
}

type guarded struct {
	needs string
	re    *regexp.Regexp
}

func (p *patterns) add(line string) error {
	tree, err := syntax.Parse(line, syntax.Perl)
	var re *regexp.Regexp
	if err == nil {
		re, err = regexp.Compile(line)
	}
	if err != nil {
		return fmt.Errorf("%q is no RE2 pattern (%w); write a literal (, [, ., *, + or ? with a backslash before it", line, err)
	}
	tree = tree.Simplify()
	switch needs := needed(tree); {
	case tree.Op == syntax.OpLiteral && needs != "":
		p.plain = append(p.plain, needs)
	case tree.Op == syntax.OpConcat && len(tree.Sub) == 2 && tree.Sub[0].Op == syntax.OpBeginText && tree.Sub[1].Op == syntax.OpLiteral && needs != "":
		p.prefixes = append(p.prefixes, needs)
	case needs != "":
		p.guarded = append(p.guarded, guarded{needs, re})
	default:
		p.open = append(p.open, line)
	}
	return nil
}

// needed is the longest text without which the expression cannot match; empty
// when none is found.
func needed(tree *syntax.Regexp) (longest string) {
	switch tree.Op {
	case syntax.OpLiteral:
		if tree.Flags&syntax.FoldCase == 0 {
			return string(tree.Rune)
		}
	case syntax.OpConcat:
		for _, sub := range tree.Sub {
			if text := needed(sub); len(text) > len(longest) {
				longest = text
			}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return needed(tree.Sub[0])
	}
	return longest
}

// ready joins the patterns that are left. Each stands in a group of its own, so
// that its flags and alternatives stay its own.
func (p *patterns) ready() {
	const together = 64 // so that no one program grows beyond the fast paths of regexp
	for rest := p.open; len(rest) > 0; {
		n := min(together, len(rest))
		joined, err := regexp.Compile("(?:" + strings.Join(rest[:n], ")|(?:") + ")")
		if err == nil {
			p.joined = append(p.joined, joined)
		} else { // larger than regexp allows: one by one, each of which was tried
			for _, line := range rest[:n] {
				p.joined = append(p.joined, regexp.MustCompile(line))
			}
		}
		rest = rest[n:]
	}
	p.open = nil
}

func (p *patterns) match(ua string) bool {
	for _, text := range p.prefixes {
		if strings.HasPrefix(ua, text) {
			return true
		}
	}
	for _, text := range p.plain {
		if strings.Contains(ua, text) {
			return true
		}
	}
	for _, g := range p.guarded {
		if strings.Contains(ua, g.needs) && g.re.MatchString(ua) {
			return true
		}
	}
	for _, re := range p.joined {
		if re.MatchString(ua) {
			return true
		}
	}
	return false
}

const (
	cacheSlots = 1 << 12 // most traffic has fewer User-Agents in use at a time
	cacheable  = 1 << 10 // bytes; longer ones are rare and made up
)

// UACache remembers what was found for User-Agents, so that each costs a hash
// and a comparison instead of all patterns. One goroutine owns it; it is for
// one Lists value at a time, and at most 4 MiB large.
type UACache struct {
	seed  maphash.Seed
	lists *Lists
	slots []cacheSlot
}

type cacheSlot struct {
	hash uint64
	ua   string
	bot  bool
}

// NewUACache makes an empty cache.
func NewUACache() *UACache {
	return &UACache{seed: maphash.MakeSeed(), slots: make([]cacheSlot, cacheSlots)}
}

// bot says whether a User-Agent is a crawler's. A slot holds the latest of its
// hash; the whole text is compared, so that no collision gives a verdict.
func (l *Lists) bot(ua string, c *UACache) bool {
	if c == nil || len(ua) > cacheable {
		return l.bots.match(ua)
	}
	if c.lists != l {
		clear(c.slots) // other lists find other things
		c.lists = l
	}
	h := maphash.String(c.seed, ua)
	s := &c.slots[h%cacheSlots]
	if s.hash != h || s.ua != ua {
		// A clone: the text is part of a record, which must not live on with it.
		*s = cacheSlot{h, strings.Clone(ua), l.bots.match(ua)}
	}
	return s.bot
}
