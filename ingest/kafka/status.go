package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// counts are since the program started.
type counts struct {
	pauses        pauses
	losses        byName
	fetchErrors   atomic.Int64
	registryWaits atomic.Int64
	commitFailed  atomic.Int64
}

// byName counts things that have names.
type byName struct {
	mu sync.Mutex
	n  map[string]int64
}

func (b *byName) add(name string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n == nil {
		b.n = map[string]int64{}
	}
	b.n[name] += n
}

func (b *byName) all() map[string]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.n)
}

// Status is what is known of the source, for metrics and for whoever looks.
type Status struct {
	Problems      []string // what is wrong, one line each; empty when all is well
	Partitions    []PartitionStatus
	Paused        string           // why nothing is fetched now; empty when something is
	Pauses        map[string]Pause // by reason, since the start
	Losses        map[string]int64 // by kind
	FetchErrors   int64
	RegistryWaits int64
	CommitsFailed int64 // writing offsets back to the group
	BufferedBytes int64
	BufferBytes   int64
}

// PartitionStatus is what is known of one partition.
type PartitionStatus struct {
	Topic     string
	Partition int32
	Next      int64 // offset; -1 before it is known
	End       int64 // of the log; -1: unknown
	Behind    int64 // records; -1: unknown
	Records   int64 // handed in since the start
	Bytes     int64
	Skipped   int64 // records without a value
	Stopped   bool  // by a loss
	Ahead     bool  // it waits for others that are further behind in event time
	Problem   string
}

// Status may be asked by any goroutine.
func (s *Source) Status() Status {
	st := Status{
		Losses: map[string]int64{}, FetchErrors: s.counts.fetchErrors.Load(), RegistryWaits: s.counts.registryWaits.Load(),
		CommitsFailed: s.counts.commitFailed.Load(), BufferedBytes: s.budget.used(), BufferBytes: s.budget.limit,
	}
	for _, k := range lossKinds {
		st.Losses[string(k)] = 0
	}
	maps.Copy(st.Losses, s.counts.losses.all())
	st.Paused, st.Pauses = s.counts.pauses.status()
	s.mu.Lock()
	fault := s.mu.fault
	for _, name := range slices.Sorted(maps.Keys(s.mu.topics)) {
		if why := s.mu.topics[name].problem; why != "" {
			st.Problems = append(st.Problems, "kafka: "+why)
		}
	}
	s.mu.Unlock()
	if fault != "" {
		st.Problems = append(st.Problems, "kafka: "+fault)
	}
	failing, first := 0, ""
	for _, p := range s.each() {
		problem, ahead := p.problem(""), s.aligner.waits(p)
		p.mu.Lock()
		st.Partitions = append(st.Partitions, PartitionStatus{
			Topic: p.topic, Partition: p.n, Next: p.mu.handed.Offset, End: p.mu.end, Behind: p.behind(),
			Records: p.mu.records, Bytes: p.mu.bytes, Skipped: p.mu.skipped, Stopped: p.mu.loss != nil, Ahead: ahead, Problem: problem,
		})
		p.mu.Unlock()
		if problem != "" && fault == "" {
			if failing++; first == "" {
				first = problem
			}
		}
	}
	switch {
	case failing == 1:
		st.Problems = append(st.Problems, "kafka: "+first)
	case failing > 1:
		st.Problems = append(st.Problems, fmt.Sprintf("kafka: %d of %d partitions are not read; the first says: %s", failing, len(st.Partitions), first))
	}
	return st
}

// commitState is what was written back to the group.
type commitState struct {
	last   time.Time
	values map[string]int64 // by input
	fault  string
}

// writeBackEvery is how often offsets are written back at most.
const writeBackEvery = 5 * time.Second

func (s *Source) writeBackSometimes(ctx context.Context) {
	s.mu.Lock()
	due := time.Since(s.mu.commits.last) >= writeBackEvery
	if due {
		s.mu.commits.last = time.Now()
	}
	s.mu.Unlock()
	if due {
		s.writeBack(ctx, s.cfg.timeout())
	}
}

// writeBack commits what is durable to the consumer group, for lag tools. It is
// a hint, which nothing here reads: that it fails is counted, and said once.
func (s *Source) writeBack(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	offsets, values := kadm.Offsets{}, map[string]int64{}
	s.mu.Lock()
	before, down := s.mu.commits.values, s.mu.fault != ""
	s.mu.Unlock()
	if down {
		return
	}
	for _, p := range s.each() {
		p.mu.Lock()
		at := p.mu.durable
		p.mu.Unlock()
		if last, ok := before[p.name]; at.Offset < 0 || ok && last == at.Offset {
			continue
		}
		values[p.name] = at.Offset
		offsets.Add(kadm.Offset{Topic: p.topic, Partition: p.n, At: at.Offset, LeaderEpoch: at.Epoch})
	}
	if len(values) == 0 {
		return
	}
	err := s.adm.CommitAllOffsets(ctx, s.cfg.Group, offsets)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.counts.commitFailed.Add(1)
		if why := explain(err, s.cfg, ""); why != s.mu.commits.fault {
			s.mu.commits.fault = why
			s.log.Warn("offsets could not be written back to the group; lag tools show older ones, nothing else depends on it",
				slog.String("group", s.cfg.Group), slog.String("reason", why))
		}
		return
	}
	s.mu.commits.fault = ""
	if s.mu.commits.values == nil {
		s.mu.commits.values = map[string]int64{}
	}
	maps.Copy(s.mu.commits.values, values)
}
