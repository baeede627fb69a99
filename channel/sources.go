package channel

import (
	"embed"
	"strings"
)

// class is what kind of site a source is.
type class uint8

const (
	unlisted class = iota
	search
	social
	video
	shopping
)

//go:embed data/*.txt
var data embed.FS

// sources holds every spelling of the listed sources, in lower case. It is
// filled once and only read afterwards.
var sources = loadSources()

func loadSources() map[string]class {
	m := make(map[string]class, 512)
	for name, c := range map[string]class{"search": search, "social": social, "video": video, "shopping": shopping} {
		text, err := data.ReadFile("data/" + name + ".txt")
		if err != nil {
			panic("BUG: the source list " + name + " is not embedded")
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			names := []string{line, line + ".com"}
			if host, exact := strings.CutPrefix(line, "="); exact {
				names = []string{host}
			}
			for _, n := range names {
				m[n], m["www."+n], m["m."+n] = c, c, c
			}
		}
	}
	return m
}

// classOf says what kind of site a source is; the source is trimmed and in
// lower case.
func classOf(source string) class { return sources[source] }
