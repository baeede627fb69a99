package files

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"

	"github.com/tributary-data/tributary/table"
)

// partitionWriter writes one file and adds up what its manifest entry says.
type partitionWriter struct {
	t        *table.Table
	draft    draft
	w        Writer
	hash     hash.Hash
	out      *ManifestFile
	sums     []currencySums
	summed   []int // the columns that are added up
	currency int   // the column of the currency, or -1
}

// currencySums are the sums of one currency, in the order of the columns summed.
type currencySums struct {
	currency string
	sums     []int64
}

func newPartitionWriter(t *table.Table, name string) *partitionWriter {
	p := &partitionWriter{t: t, hash: sha256.New(), out: &ManifestFile{Table: t.Name, Name: name, Sums: map[string]map[string]int64{}}, currency: -1}
	for i, c := range t.Columns {
		switch {
		case c.Name == "currency":
			p.currency = i
		case c.Type == table.Int && i >= t.Keys && c.Name != "tier":
			p.summed = append(p.summed, i)
		}
	}
	return p
}

// Write counts and hashes what the table writer writes.
func (p *partitionWriter) Write(b []byte) (int, error) {
	n, err := p.draft.Write(b)
	p.hash.Write(b[:n])
	p.out.Bytes += int64(n)
	return n, err
}

func (p *partitionWriter) open(at place, f Format) (err error) {
	if p.draft, err = at.create(p.out.Name); err != nil {
		return err
	}
	p.w, err = NewWriter(p, p.t, f)
	return err
}

func (p *partitionWriter) row(row table.Row) error {
	p.out.Rows++
	if len(p.summed) > 0 {
		sums := p.sumsOf(row)
		for n, i := range p.summed {
			sums[n] += row[i].Int
		}
	}
	return p.named(p.w.Write(row))
}

// named says which file an error is about.
func (p *partitionWriter) named(err error) error { return writeError(p.out.Name, err) }

// sumsOf finds the sums of the row's currency; there are few.
func (p *partitionWriter) sumsOf(row table.Row) []int64 {
	currency := ""
	if p.currency >= 0 {
		currency = row[p.currency].Text
	}
	for i := range p.sums {
		if p.sums[i].currency == currency {
			return p.sums[i].sums
		}
	}
	p.sums = append(p.sums, currencySums{strings.Clone(currency), make([]int64, len(p.summed))})
	return p.sums[len(p.sums)-1].sums
}

// finish completes the file and its entry; publish follows.
func (p *partitionWriter) finish() error {
	if err := p.w.Close(); err != nil {
		return p.named(err)
	}
	for _, c := range p.sums {
		named := map[string]int64{}
		for n, i := range p.summed {
			named[p.t.Columns[i].Name] = c.sums[n]
		}
		p.out.Sums[c.currency] = named
	}
	p.out.SHA256 = hex.EncodeToString(p.hash.Sum(nil))
	return nil
}

// discard removes what did not become a file.
func (p *partitionWriter) discard() {
	if p.draft != nil {
		p.draft.discard()
	}
}
