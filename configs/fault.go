package configs

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong.
type Fault struct {
	Key     string // dotted path, such as attribution.half_life; empty for the file as a whole
	Origin  Origin // where the value stands
	Message string
	Hint    string // what to do; may be empty
}

// String is the fault on one line.
func (f Fault) String() string {
	var b strings.Builder
	if f.Key != "" {
		b.WriteString(f.Key)
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	if f.Hint != "" {
		b.WriteString("; ")
		b.WriteString(f.Hint)
	}
	if o := f.Origin.String(); o != "" {
		b.WriteString(" (")
		b.WriteString(o)
		b.WriteString(")")
	}
	return b.String()
}

// Error is a configuration that cannot be used: all its faults, in the order in
// which they stand. The program leaves with exit code 78.
type Error struct{ Faults []Fault }

// Error lists the faults, one on each line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration has %d fault", len(e.Faults))
	if len(e.Faults) != 1 {
		b.WriteByte('s')
	}
	b.WriteByte(':')
	for _, f := range e.Faults {
		b.WriteString("\n  ")
		b.WriteString(f.String())
	}
	return b.String()
}

// Origin is where a value came from. The zero Origin is the default.
type Origin struct {
	File string // the configuration file, with Line
	Line int
	Env  string // the variable of the environment
	Flag bool   // the command line
}

// String names the place; it is empty for a default.
func (o Origin) String() string {
	switch {
	case o.Flag:
		return "command line"
	case o.Env != "":
		return "environment " + o.Env
	case o.File != "" && o.Line > 0:
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	return o.File
}

// Origins says for each key that is not at its default where it came from.
type Origins struct {
	byKey map[string]Origin

	// Warnings are things that look wrong but may be meant, such as a variable
	// of the environment that no key has.
	Warnings []string
}

// Of gives the origin of a key; the zero Origin for a default. A key that was
// not set itself came with the nearest part above it that was.
func (o *Origins) Of(key string) Origin {
	for {
		if at, ok := o.byKey[key]; ok {
			return at
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return Origin{}
		}
		key = key[:i]
	}
}

func (o *Origins) set(key string, at Origin) { o.byKey[key] = at }

// Nearest finds the name that was likely meant, or "" when none is close.
func Nearest(name string, names []string) string {
	return nearest(name, names, max(1, len(name)/3))
}

func nearest(name string, names []string, edits int) string {
	best, bestDist := "", edits+1
	for _, n := range names {
		if d := distance(name, n); d < bestDist {
			best, bestDist = n, d
		}
	}
	return best
}

// distance is the edit distance in which two neighbours that were swapped
// count as one edit.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, prev, cur := rows[0], rows[1], rows[2]
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		rows = [3][]int{prev, cur, before}
	}
	return rows[1][len(b)]
}
