package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows/rowstest"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

func batchOf(n int, of func(i int) []sinktest.Put) []sinks.Change {
	var out []sinks.Change
	for i := 0; len(out) < n; i++ {
		for _, p := range of(i) {
			c := sinks.Change{Table: p.Table, Key: p.Row[:p.Table.Keys], Row: p.Row}
			if p.Del {
				c.Row = nil
			}
			out = append(out, c)
		}
	}
	return out
}

// BenchmarkApply writes batches of 10,000 changes, each in its transaction, to a
// server that syncs: new rows, and the same rows again.
func BenchmarkApply(b *testing.B) {
	server := testkit.StartPostgres(b)
	for _, x := range []struct {
		name string
		make func(i int) []sinktest.Put
	}{
		{"rollups", func(i int) []sinktest.Put {
			return []sinktest.Put{{Table: table.MinuteDelivery, Row: rowstest.Row(table.MinuteDelivery, i)}}
		}},
		{"conversions with credits", func(i int) []sinktest.Put { return rowstest.Sale(fmt.Sprintf("sale-%d", i), 3_000_000) }},
	} {
		b.Run(x.name, func(b *testing.B) {
			s, err := Open(b.Context(), config(server, ""), deps)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			if _, err := s.Cursor(b.Context()); err != nil {
				b.Fatal(err)
			}
			src := sinktest.NewSource()
			src.Commit()
			v, _ := src.View(b.Context())
			if err := s.Resync(b.Context(), v); err != nil {
				b.Fatal(err)
			}
			rows := batchOf(10_000, x.make)
			b.ResetTimer()
			for n := range b.N {
				p := sinks.Progress{Epoch: 1, Commit: uint64(n + 2)}
				for i := range rows {
					rows[i].Rev = sinks.Rev(1, p.Commit)
				}
				if err := s.Apply(b.Context(), sinks.Batch{Progress: p, After: uint64(n + 1), Changes: rows}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(rows))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkVisible is the time from an Apply of 100 changes to a reader that
// sees them.
func BenchmarkVisible(b *testing.B) {
	server := testkit.StartPostgres(b)
	s, err := Open(b.Context(), config(server, ""), deps)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	src := sinktest.NewSource()
	src.Commit()
	v, _ := src.View(b.Context())
	if err := s.Resync(b.Context(), v); err != nil {
		b.Fatal(err)
	}
	rows := batchOf(100, func(i int) []sinktest.Put {
		return []sinktest.Put{{Table: table.MinuteDelivery, Row: rowstest.Row(table.MinuteDelivery, i)}}
	})
	for n := range b.N {
		p := sinks.Progress{Epoch: 1, Commit: uint64(n + 2)}
		for i := range rows {
			rows[i].Rev = sinks.Rev(1, p.Commit)
		}
		if err := s.Apply(b.Context(), sinks.Batch{Progress: p, After: uint64(n + 1), Changes: rows}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/batch")
}

// BenchmarkResync writes a table of 200,000 rows anew.
func BenchmarkResync(b *testing.B) {
	server := testkit.StartPostgres(b)
	s, err := Open(b.Context(), config(server, ""), deps)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	src := sinktest.NewSource()
	const n = 200_000
	puts := make([]sinktest.Put, n)
	for i := range puts {
		puts[i] = sinktest.Put{Table: table.MinuteDelivery, Row: rowstest.Row(table.MinuteDelivery, i)}
	}
	src.Commit(puts...)
	v, _ := src.View(b.Context())
	at := time.Now()
	for range b.N {
		if err := s.Resync(b.Context(), v); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(n*float64(b.N)/time.Since(at).Seconds(), "rows/s")
}
