package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/tributary-data/tributary/internal/service"
)

func runExplain(ctx context.Context, env *Env, o explainOptions) error {
	if o.Conversion == "" {
		return usagef("the CONVERSION_ID is empty")
	}
	path := "/v1/conversions/" + url.PathEscape(o.Conversion) + "/explain"
	var status int
	var body []byte
	var err error
	where := "at " + o.Server
	if o.Server != "" {
		status, body, err = o.get(ctx, path)
	} else {
		status, body, where, err = o.explainOffline(ctx, env, path)
	}
	if err != nil {
		return err
	}
	if status == http.StatusNotFound {
		return fmt.Errorf("there is no conversion %q %s; ids are those of the events that sent it (event_id)", o.Conversion, where)
	}
	if status != http.StatusOK {
		return problem(status, body)
	}
	if o.JSON {
		_, err = fmt.Fprintf(env.Stdout, "%s\n", bytes.TrimRight(body, "\n"))
		return err
	}
	var x explained
	if err := json.Unmarshal(body, &x); err != nil {
		return fmt.Errorf("read the explanation: %w", err)
	}
	return x.write(env.Stdout)
}

// explainOffline asks the directory as though a server ran on it, so that both
// give the same answer.
func (o *explainOptions) explainOffline(ctx context.Context, env *Env, path string) (status int, body []byte, where string, err error) {
	d, err := o.open(env)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return 0, nil, "", err
	}
	var answer answerInMemory
	service.Offline(d.engine).ServeHTTP(&answer, req)
	return answer.status, answer.body.Bytes(), "in " + d.store.Dir(), nil
}

// answerInMemory is an http.ResponseWriter that keeps the answer.
type answerInMemory struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answerInMemory) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

func (a *answerInMemory) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answerInMemory) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// explained is an explanation as the API gives it.
type explained struct {
	Data struct {
		Conversion struct {
			ID       string `json:"conversion_id"`
			Person   string `json:"person"`
			Time     string `json:"event_time"`
			Name     string `json:"conversion_name"`
			Order    string `json:"order_id"`
			Original amount `json:"original_value"`
			Value    amount `json:"value"`
			Verdict  string `json:"verdict"`
			Adjusted string `json:"adjusted"`
			Dropped  int    `json:"touches_dropped"`
			Session  string `json:"session_id"`
			Status   string `json:"status"`
		} `json:"conversion"`
		Members []struct {
			Person   string `json:"person"`
			LinkedBy string `json:"linked_by"`
			LinkedAt string `json:"linked_at"`
		} `json:"members"`
		Lookback   struct{ Click, Impression, Visit string } `json:"lookback"`
		MaxTouches int                                       `json:"max_touches"`
		Counted    int                                       `json:"counted"`
		Rejected   int                                       `json:"rejected"`
		Candidates []struct {
			ID       string `json:"event_id"`
			Time     string `json:"event_time"`
			Type     string `json:"type"`
			Person   string `json:"person"`
			Campaign string `json:"campaign_id"`
			Channel  string `json:"channel"`
			Position *int   `json:"position"`
			Why      string `json:"why"`
		} `json:"candidates"`
		Models []struct {
			Model    string `json:"model"`
			Formula  string `json:"formula"`
			Additive bool   `json:"additive"`
			Shares   []struct {
				Position int    `json:"position"`
				ID       string `json:"event_id"`
				Num      string `json:"weight_numerator"`
				Den      string `json:"weight_denominator"`
				PPM      int64  `json:"credit_ppm"`
				Value    amount `json:"value"`
			} `json:"shares"`
			Total amount `json:"total_value"`
		} `json:"models"`
		Rounding    string `json:"rounding"`
		Adjustments []struct {
			ID      string  `json:"event_id"`
			Time    string  `json:"event_time"`
			Kind    string  `json:"kind"`
			Value   *amount `json:"value"`
			Counted bool    `json:"counted"`
			Why     string  `json:"why"`
		} `json:"adjustments"`
		Revisions []struct {
			Model string `json:"model"`
			Touch string `json:"touch_event_id"`
			PPM   int64  `json:"delta_ppm"`
			Value amount `json:"delta"`
			Cause string `json:"cause"`
			At    string `json:"at"`
		} `json:"revisions"`
	} `json:"data"`
}

type amount struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

func (a amount) String() string { return strings.TrimSpace(a.Amount + " " + a.Currency) }

// write tells the explanation to a person.
func (x *explained) write(w io.Writer) error {
	d, c := &x.Data, &x.Data.Conversion
	var b bytes.Buffer
	fmt.Fprintf(&b, "conversion %s (%s) of %s at %s\n", c.ID, c.Name, c.Person, c.Time)
	fmt.Fprintf(&b, "value %s, verdict %s, %s", c.Value, c.Verdict, c.Status)
	if c.Adjusted != "" {
		fmt.Fprintf(&b, ", %s from %s", c.Adjusted, c.Original)
	}
	if c.Order != "" {
		fmt.Fprintf(&b, ", order %s", c.Order)
	}
	if c.Session != "" {
		fmt.Fprintf(&b, ", session %s", c.Session)
	}
	fmt.Fprintf(&b, "\n\nids whose touches count\n")
	for _, m := range d.Members {
		if m.LinkedBy == "" {
			fmt.Fprintf(&b, "  %s\n", m.Person)
		} else {
			fmt.Fprintf(&b, "  %s, linked by %s at %s\n", m.Person, m.LinkedBy, m.LinkedAt)
		}
	}
	fmt.Fprintf(&b, "\ntouches: %d counted, %d not (lookback: click %s, impression %s, visit %s; at most %d)\n",
		d.Counted, d.Rejected, d.Lookback.Click, d.Lookback.Impression, d.Lookback.Visit, d.MaxTouches)
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	for _, e := range d.Candidates {
		place, why := "-", "not counted: "+e.Why
		if e.Position != nil {
			place, why = fmt.Sprint(*e.Position), "counted"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", place, e.Time, e.Type, e.ID, e.Person, dash(e.Channel), dash(e.Campaign), why)
	}
	_ = t.Flush() // to memory
	if c.Dropped > 0 {
		fmt.Fprintf(&b, "  %d more were left out: only the first and the latest %d stay\n", c.Dropped, d.MaxTouches-1)
	}
	if len(d.Models) == 0 {
		fmt.Fprintf(&b, "\nno credit: the conversion is %s\n", noCredit(c.Verdict, c.Adjusted))
	}
	for _, m := range d.Models {
		fmt.Fprintf(&b, "\n%s: %s\n", m.Model, m.Formula)
		t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', tabwriter.AlignRight)
		ppm := int64(0)
		for _, s := range m.Shares {
			ppm += s.PPM
			id := s.ID
			if s.Position == 0 {
				id = "(unattributed)"
			}
			fmt.Fprintf(t, "  %d\t%s\t%s / %s\t%d ppm\t%s\t\n", s.Position, id, s.Num, s.Den, s.PPM, s.Value)
		}
		note := "sum"
		if !m.Additive {
			note = "sum (overlaps)"
		}
		fmt.Fprintf(t, "  \t%s\t\t%d ppm\t%s\t\n", note, ppm, m.Total)
		_ = t.Flush()
	}
	if len(d.Models) > 0 {
		fmt.Fprintf(&b, "\n%s\n", d.Rounding)
	}
	x.writeHistory(&b)
	_, err := w.Write(b.Bytes())
	return err
}

// writeHistory tells what changed the conversion after it came.
func (x *explained) writeHistory(b *bytes.Buffer) {
	if len(x.Data.Adjustments) > 0 {
		b.WriteString("\nadjustments\n")
	}
	for _, a := range x.Data.Adjustments {
		to, why := "", "counts"
		if a.Value != nil {
			to = " to " + a.Value.String()
		}
		if !a.Counted {
			why = "does not count: " + a.Why
		}
		fmt.Fprintf(b, "  %s %s%s at %s, %s\n", a.ID, a.Kind, to, a.Time, why)
	}
	if len(x.Data.Revisions) == 0 {
		b.WriteString("\njournal: nothing yet; it begins when the conversion is final\n")
		return
	}
	b.WriteString("\njournal\n")
	t := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	for _, r := range x.Data.Revisions {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%+d ppm\t%s\n", r.At, r.Cause, r.Model, dash(r.Touch), r.PPM, r.Value)
	}
	_ = t.Flush()
}

func noCredit(verdict, adjusted string) string {
	if adjusted == "retracted" {
		return adjusted
	}
	return verdict
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
