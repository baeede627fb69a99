package kafka

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lossCase makes a loss, while a source is running or stopped.
type lossCase struct {
	name     string
	before   func(b *bench) // produces the 30 records that are read; nil: as they come
	lose     func(b *bench) // after they were
	stopped  bool           // what is lost may have been read where the source is running
	kind     lossKind
	says     []string
	earliest []string // what comes after the first 30 records
	latest   []string
}

func lossCases() []lossCase {
	return []lossCase{
		{
			name: "recreated",
			lose: func(b *bench) {
				b.deleteTopic("clicks")
				b.topic("clicks", 1)
				b.produce("clicks", 0, numbered("n", 0, 10)...)
			},
			kind:     recreated,
			says:     []string{"clicks/0", "made anew", "offset 30", "holds 0 to 9", "--on-data-loss"},
			earliest: numbered("n", 0, 10),
			latest:   []string{},
		},
		{
			name: "deleted before it was read",
			lose: func(b *bench) {
				b.produce("clicks", 0, numbered("lost", 0, 5)...)
				b.trim("clicks", 0, 35)
				b.produce("clicks", 0, numbered("n", 0, 10)...)
			},
			stopped:  true,
			kind:     outOfRange,
			says:     []string{"clicks/0", "offset 30 is next", "deleted before it was read", "holds 35 to 44", "--on-data-loss"},
			earliest: numbered("n", 0, 10),
			latest:   []string{},
		},
		{
			// The new leader lacks ten records that were read, and has taken
			// others in their place: all offsets are there.
			name:   "cut by an unclean election, and grown past",
			before: (*bench).keepTwentyOfThirty,
			lose: func(b *bench) {
				b.putBack()
				b.elect("clicks")
				b.produce("clicks", 0, numbered("n", 0, 15)...)
			},
			kind:     truncated,
			says:     []string{"clicks/0", "cut below offset 30", "unclean leader election", "holds 0 to 34", "--on-data-loss"},
			earliest: numbered("n", 0, 15),
			latest:   []string{},
		},
		{
			name:   "cut by an unclean election, and grown as far as it was",
			before: (*bench).keepTwentyOfThirty,
			lose: func(b *bench) {
				b.putBack()
				b.elect("clicks")
				b.produce("clicks", 0, numbered("n", 0, 10)...)
			},
			kind:     truncated,
			says:     []string{"cut below offset 30", "holds 0 to 29"},
			earliest: numbered("n", 0, 10),
			latest:   []string{},
		},
		{
			// The offset lies beyond the end of the log, and the epoch of the
			// leader is newer.
			name:   "cut by an unclean election, and shorter",
			before: (*bench).keepTwentyOfThirty,
			lose: func(b *bench) {
				b.putBack()
				b.elect("clicks")
				b.produce("clicks", 0, numbered("n", 0, 5)...)
			},
			kind:     truncated,
			says:     []string{"cut below offset 30", "holds 0 to 24"},
			earliest: numbered("n", 0, 5),
			latest:   []string{},
		},
		{
			name:   "cut by an unclean election, and nothing since",
			before: (*bench).keepTwentyOfThirty,
			lose: func(b *bench) {
				b.putBack()
				b.epochsEnd(20)
				b.elect("clicks")
			},
			kind:     truncated,
			says:     []string{"cut below offset 30", "holds 0 to 19"},
			earliest: []string{},
			latest:   []string{},
		},
		{
			// A leader that cannot say where its log parts from the one that was
			// read: what is left is read whole, for its ids to be known.
			name:   "cut, by a leader that knows no epochs",
			before: (*bench).keepTwentyOfThirty,
			lose: func(b *bench) {
				b.putBack()
				b.epochsEnd(-1)
				b.elect("clicks")
			},
			kind:     outOfRange,
			says:     []string{"offset 30 is next", "the log ends before it", "holds 0 to 19"},
			earliest: numbered("a", 0, 20),
			latest:   []string{},
		},
		{
			// No broker knows that there ever was another log: the epoch of the
			// record before is of the future.
			name: "put back with its epochs, and grown past",
			before: func(b *bench) {
				b.produce("clicks", 0, numbered("a", 0, 20)...)
				b.keep()
				b.elect("clicks")
				b.produce("clicks", 0, numbered("a", 20, 30)...)
			},
			lose: func(b *bench) {
				b.putBack()
				b.produce("clicks", 0, numbered("n", 0, 15)...)
			},
			kind:     truncated,
			says:     []string{"cut below offset 30", "a log that was put back", "holds 0 to 34"},
			earliest: append(numbered("a", 0, 20), numbered("n", 0, 15)...),
			latest:   []string{},
		},
	}
}

// bench is a cluster whose logs can be put back.
func (c lossCase) bench(t *testing.T) *bench {
	t.Helper()
	dir := t.TempDir()
	b := newBench(t, kfake.DataDir(filepath.Join(dir, "log")))
	b.dir = dir
	return b
}

// write produces the records that are read before the loss.
func (c lossCase) write(b *bench) {
	b.t.Helper()
	if c.before != nil {
		c.before(b)
		return
	}
	b.produce("clicks", 0, numbered("a", 0, 30)...)
}

// keepTwentyOfThirty produces 30 records; the log will be put back to 20 of them.
func (b *bench) keepTwentyOfThirty() {
	b.t.Helper()
	b.produce("clicks", 0, numbered("a", 0, 20)...)
	b.keep()
	b.produce("clicks", 0, numbered("a", 20, 30)...)
}

// keep copies the logs of the cluster, which is down for it.
func (b *bench) keep() {
	b.t.Helper()
	b.cluster.Close()
	if err := os.CopyFS(filepath.Join(b.dir, "kept"), os.DirFS(filepath.Join(b.dir, "log"))); err != nil {
		b.t.Fatal(err)
	}
	b.cluster = b.newCluster()
}

// putBack has the cluster come back with the logs as they were kept.
func (b *bench) putBack() {
	b.t.Helper()
	b.cluster.Close()
	log := filepath.Join(b.dir, "log")
	if err := os.RemoveAll(log); err != nil {
		b.t.Fatal(err)
	}
	if err := os.CopyFS(log, os.DirFS(filepath.Join(b.dir, "kept"))); err != nil {
		b.t.Fatal(err)
	}
	b.cluster = b.newCluster()
}

// elect makes another broker the leader, of a later epoch.
func (b *bench) elect(topicName string) {
	b.t.Helper()
	if err := b.cluster.MoveTopicPartition(topicName, 0, 1-b.cluster.LeaderFor(topicName, 0)); err != nil {
		b.t.Fatal(err)
	}
}

// epochsEnd has leaders answer where the first epoch ends. A real leader knows
// where it took over also when it has written nothing since; the fake one does
// not. -1: it knows nothing of that epoch.
func (b *bench) epochsEnd(at int64) {
	b.cluster.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		req := r.(*kmsg.OffsetForLeaderEpochRequest)
		res := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		for _, t := range req.Topics {
			answer := kmsg.NewOffsetForLeaderEpochResponseTopic()
			answer.Topic = t.Topic
			for _, p := range t.Partitions {
				if p.LeaderEpoch != 0 {
					return nil, nil, false
				}
				end := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
				end.Partition, end.LeaderEpoch, end.EndOffset = p.Partition, p.LeaderEpoch, at
				if at < 0 {
					end.LeaderEpoch = -1
				}
				answer.Partitions = append(answer.Partitions, end)
			}
			res.Topics = append(res.Topics, answer)
		}
		return res, nil, true
	})
}
