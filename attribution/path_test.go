package attribution

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
)

// firstAndLatest is the path of touches by the words of the contract.
func firstAndLatest(touches []event.Touch, most int) ([]event.Touch, int) {
	sorted := slices.Clone(touches)
	slices.SortFunc(sorted, func(a, b event.Touch) int { return a.Ref().Compare(b.Ref()) })
	if over := len(sorted) - most; over > 0 {
		return append(sorted[:1:1], sorted[1+over:]...), over
	}
	return sorted, 0
}

// drawShuffled draws different touches in any order.
func drawShuffled(t *rapid.T, most int) []event.Touch {
	touches := make([]event.Touch, rapid.IntRange(1, most).Draw(t, "touches"))
	for i := range touches {
		touches[i] = event.Touch{
			Time: event.Millis(rapid.IntRange(0, 5).Draw(t, "time")), ID: fmt.Sprint(i),
			Person: rapid.SampledFrom([]string{"a:1", "u:1"}).Draw(t, "person"), Type: rapid.SampledFrom([]string{"click", "impression"}).Draw(t, "type"),
		}
		if i > 0 && rapid.IntRange(0, 5).Draw(t, "same id") == 1 {
			touches[i].ID = touches[i-1].ID
			if slices.ContainsFunc(touches[:i], func(o event.Touch) bool { return o.Ref() == touches[i].Ref() }) {
				touches[i].ID = fmt.Sprint(i)
			}
		}
	}
	return rapid.Permutation(touches).Draw(t, "order")
}

// TestPathKeepsFirstAndLatest: in whatever order touches come, and though the
// path forgets most of them on the way.
func TestPathKeepsFirstAndLatest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(2, 6).Draw(t, "max touches")
		touches := drawShuffled(t, 5*most+100)
		p := NewPath(most)
		for _, x := range touches {
			p.Add(x)
			if len(p.touches) > 4*most+64 {
				t.Fatalf("the path holds %d touches, which is not bounded by its %d", len(p.touches), most)
			}
		}
		p.Leave(3)
		got, dropped := p.Touches()
		want, over := firstAndLatest(touches, most)
		if !slices.Equal(got, want) || dropped != over+3 {
			t.Errorf("of %v the path keeps %v and drops %d, want %v and %d", touches, got, dropped, want, over+3)
		}
	})
}

// TestInsertIsThePath: a path that grows touch by touch is the one that is
// found at once, and what was handed out before stays as it was.
func TestInsertIsThePath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(2, 6).Draw(t, "max touches")
		touches := drawShuffled(t, 30)
		var path []event.Touch
		dropped := 0
		for i, x := range touches {
			before, copied := path, slices.Clone(path)
			path, dropped = Insert(path, dropped, most, x)
			want, over := firstAndLatest(touches[:i+1], most)
			if !slices.Equal(path, want) || dropped != over {
				t.Fatalf("after %v: %v and %d dropped, want %v and %d", touches[:i+1], path, dropped, want, over)
			}
			if !slices.Equal(before, copied) {
				t.Fatalf("the path before %v was changed in place", x)
			}
		}
	})
}
