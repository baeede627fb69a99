package snowflake

import (
	"fmt"
	"testing"

	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows/rowstest"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// BenchmarkApply sends rounds of changes to the server of the tests: what the
// loader costs here, with a store that takes everything at once.
func BenchmarkApply(b *testing.B) {
	for _, x := range []struct {
		name string
		n    int
		of   func(i int) []sinktest.Put
	}{
		{"rollups", 10_000, func(i int) []sinktest.Put {
			return []sinktest.Put{{Table: table.MinuteDelivery, Row: rowstest.Row(table.MinuteDelivery, i)}}
		}},
		{"conversions with credits", 200, func(i int) []sinktest.Put { return rowstest.Sale(fmt.Sprintf("sale-%d", i), 3_000_000) }},
	} {
		b.Run(x.name, func(b *testing.B) {
			s := open(b, config(testkit.NewSnowflake(b)))
			src := sinktest.NewSource()
			src.Commit()
			deliver(b, src, s, 100)
			rows := 0
			for i := range x.n {
				puts := x.of(i)
				rows += len(puts)
				src.Commit(puts...)
			}
			v, _ := src.View(b.Context())
			batch, err := v.Next(b.Context(), 1, 10*rows)
			if err != nil {
				b.Fatal(err)
			}
			batch.After, batch.View = 1, v
			b.ResetTimer()
			for range b.N {
				s.at = sinks.Progress{Epoch: 1, Commit: 1}
				if err := s.Apply(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/round")
		})
	}
}

// BenchmarkEncode is a row alone.
func BenchmarkEncode(b *testing.B) {
	row := rowstest.Row(table.HourDelivery, 5)
	r := record{t: table.HourDelivery, key: row[:table.HourDelivery.Keys], row: row, rev: 7}
	b.ReportAllocs()
	var buf []byte
	for range b.N {
		buf = r.append(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}
