package redis

import (
	"strconv"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// keys makes the names of keys. The tag in braces puts all keys of a shard into
// one slot of a cluster; what comes after it may hold anything.
type keys struct {
	base    string // prefix{s0}:
	cursor  string
	aside   string // where a sorted set is made
	channel string
}

func newKeys(prefix string, shard int) keys {
	base := prefix + "{s" + strconv.Itoa(shard) + "}:"
	return keys{base: base, cursor: base + "cursor", aside: base + "aside", channel: prefix + "live"}
}

// kept is how the rows of a table lie in Redis.
type kept struct {
	t       *table.Table
	minute  string // of the key of a minute: m, a, c
	hour    string
	member  int   // the column of the key that is in the name: campaign or conversion name
	field   []int // the other columns of the key
	figures []figure
	status  int
}

// figure is a column that is added up.
type figure struct {
	column int
	name   string
	by     []int // key columns that the total is apart for: model, currency
	top    bool  // whether the hour's greatest are ranked
}

// tables are those that are kept. The order of by is that in the names of
// totals.
var tables = []*kept{
	newKept(table.MinuteDelivery, "m", "campaign_id", []string{"impressions", "clicks", "spend_micros"}, nil),
	newKept(table.MinuteAttribution, "a", "campaign_id", []string{"credit_ppm", "value_micros"}, []string{"model"}),
	newKept(table.MinuteConversions, "c", "conversion_name", nil, nil),
}

func newKept(t *table.Table, letter, member string, tops, by []string) *kept {
	k := &kept{t: t, minute: letter, hour: letter + "h", member: t.Col(member), status: t.Col("status")}
	for i := 1; i < t.Keys; i++ {
		if i != k.member {
			k.field = append(k.field, i)
		}
	}
	for i := t.Keys; i < k.status; i++ {
		f := figure{column: i, name: t.Columns[i].Name}
		for _, name := range by {
			f.by = append(f.by, t.Col(name))
		}
		if len(f.name) > 7 && f.name[len(f.name)-7:] == "_micros" {
			f.by = append(f.by, t.Col("currency"))
		}
		for _, name := range tops {
			f.top = f.top || name == f.name
		}
		k.figures = append(k.figures, f)
	}
	return k
}

// keptOf finds the table; nil where it is not kept.
func keptOf(t *table.Table) *kept {
	for _, k := range tables {
		if k.t == t {
			return k
		}
	}
	return nil
}

func (x keys) window(letter, member string, at event.Millis) string {
	return x.base + letter + ":" + member + ":" + strconv.FormatInt(int64(at), 10)
}

func (x keys) top(total string, hour event.Millis) string {
	return x.base + "top:" + total + ":" + strconv.FormatInt(int64(hour), 10)
}

func (x keys) person(name string) string   { return x.base + "p:" + name }
func (x keys) back(kind, id string) string { return x.base + "of:" + kind + ":" + id }

// rowField is the field that holds a row: the columns of its key that are not
// in the name.
func (k *kept) rowField(key table.Row) string {
	f := "row"
	for _, i := range k.field {
		f += ":" + key[i].Text
	}
	return f
}

// total is the field of a figure's total, for the row's model and currency.
func (f *figure) total(key table.Row) string {
	n := f.name
	for _, i := range f.by {
		n += ":" + key[i].Text
	}
	return n
}

// pack writes the figures of a row with blanks between them, and whether it is
// restated.
func (k *kept) pack(row table.Row) string {
	b := make([]byte, 0, 64)
	for _, f := range k.figures {
		b = append(strconv.AppendInt(b, row[f.column].Int, 10), ' ')
	}
	if row[k.status].Text == "restated" {
		return string(append(b, 'r'))
	}
	return string(append(b, '-'))
}
