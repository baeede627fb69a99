package web

import (
	"crypto/rand"
	"strings"
	"sync"
)

// sequence numbers the states that answers and frames show. The numbers rise
// within an epoch; an epoch is the life of one process.
type sequence struct {
	epoch string
	mu    struct {
		sync.Mutex
		n      uint64
		commit uint64
	}
}

func newSequence() *sequence {
	s := &sequence{epoch: strings.ToLower(rand.Text()[:12])}
	s.mu.n = 1
	return s
}

// at is the number of the state after a commit. Answers that read later than
// they asked are newer than their number says, never older.
func (s *sequence) at(commit uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if commit > s.mu.commit {
		s.mu.commit = commit
		s.mu.n++
	}
	return s.mu.n
}

// after is at, but greater than last: for what changes without a commit, such
// as a range that moves with the clock.
func (s *sequence) after(last, commit uint64) uint64 {
	n := s.at(commit)
	if n > last {
		return n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.n = max(s.mu.n, last) + 1
	return s.mu.n
}
