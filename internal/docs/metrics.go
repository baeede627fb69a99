package main

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const metricsIntro = `# Metrics

` + "`/metrics`" + ` for Prometheus and OpenMetrics. No label holds a person, a campaign or anything else that comes from outside; topics, sinks and routes are named. Beside these there are those of the Go runtime (` + "`go_*`" + `) and of the process (` + "`process_*`" + `). With authentication on, a key with the scope ` + "`read`" + ` is needed.

Alert rules are in ` + "`deploy/prometheus/alerts.yml`" + `, each with a runbook in [operations.md](operations.md#runbooks); the dashboard is ` + "`deploy/grafana/dashboards/tributary.json`" + `.

| metric | kind | labels | |
|---|---|---|---|
`

// metric is one family as the source declares it.
type metric struct {
	name, kind, help string
	labels           []string
}

// metricsPage lists what the package web declares.
func metricsPage(root string) (string, error) {
	names, err := filepath.Glob(filepath.Join(root, "web", "*.go"))
	if err != nil {
		return "", err
	}
	var found []metric
	summaries := map[string]bool{} // variables of descriptions
	vars := map[string]string{}    // metric by variable
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return "", err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, v := range n.Values {
					if m, ok := described(v); ok && i < len(n.Names) {
						vars[n.Names[i].Name] = m.name
					}
				}
			case *ast.CallExpr:
				if m, ok := described(n); ok {
					found = append(found, m)
				} else if m, ok := constructed(n); ok {
					found = append(found, m)
				}
			case *ast.CompositeLit:
				if t, ok := n.Type.(*ast.MapType); ok {
					if value, ok := t.Value.(*ast.Ident); ok && value.Name == "Quantiles" {
						for _, e := range n.Elts {
							if kv, ok := e.(*ast.KeyValueExpr); ok {
								if key, ok := kv.Key.(*ast.Ident); ok {
									summaries[key.Name] = true
								}
							}
						}
					}
				}
			}
			return true
		})
	}
	if len(found) == 0 {
		return "", errors.New("package web declares no metrics; was the way of declaring them changed?")
	}
	for v := range summaries {
		for i := range found {
			if found[i].name == vars[v] {
				found[i].kind = "summary"
			}
		}
	}
	slices.SortFunc(found, func(a, b metric) int { return cmp.Compare(a.name, b.name) })
	var b strings.Builder
	b.WriteString(metricsIntro)
	for _, m := range found {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, m.kind, cell(strings.Join(m.labels, ", ")), cell(m.help))
	}
	b.WriteString("\nSummaries have the quantiles 0.5, 0.95 and 0.99; histograms are also native histograms, where the scraper asks for them.\n")
	return b.String(), nil
}

// described reads desc("name", "help", labels...), whose kind the name tells.
func described(e ast.Expr) (metric, bool) {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return metric{}, false
	}
	if id, ok := call.Fun.(*ast.Ident); !ok || id.Name != "desc" || len(call.Args) < 2 {
		return metric{}, false
	}
	m := metric{name: "tributary_" + literal(call.Args[0]), help: literal(call.Args[1]), kind: "gauge"}
	if strings.HasSuffix(m.name, "_total") {
		m.kind = "counter"
	}
	for _, a := range call.Args[2:] {
		m.labels = append(m.labels, literal(a))
	}
	return m, true
}

// constructed reads prometheus.NewX(prometheus.XOpts{...}, labels).
func constructed(call *ast.CallExpr) (metric, bool) {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !strings.HasPrefix(sel.Sel.Name, "New") || len(call.Args) == 0 {
		return metric{}, false
	}
	opts, ok := call.Args[0].(*ast.CompositeLit)
	if !ok {
		return metric{}, false
	}
	m := metric{kind: strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(sel.Sel.Name, "New"), "Vec"))}
	for _, e := range opts.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			switch key, _ := kv.Key.(*ast.Ident); key.Name {
			case "Name":
				m.name = literal(kv.Value)
			case "Help":
				m.help = literal(kv.Value)
			}
		}
	}
	if len(call.Args) > 1 {
		if list, ok := call.Args[1].(*ast.CompositeLit); ok {
			for _, e := range list.Elts {
				m.labels = append(m.labels, literal(e))
			}
		}
	}
	return m, strings.HasPrefix(m.name, "tributary_")
}

func literal(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok {
		if s, err := strconv.Unquote(lit.Value); err == nil {
			return s
		}
	}
	return ""
}
