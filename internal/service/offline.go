package service

import (
	"log/slog"
	"net/http"

	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/web"
)

// This file is for commands that look at a state which no process serves.

// SinkView is one commit as sinks see it; closing it closes v.
func SinkView(v *pipeline.View, epoch uint32) sinks.View { return &sinkView{v: v, epoch: epoch} }

// Offline answers questions about single rows as the API of a running server
// does, word for word. What is asked of the running program is empty.
func Offline(e *pipeline.Engine) http.Handler {
	v := offline{View: (*view)(&service{engine: e}), changed: make(chan struct{})}
	return web.New(web.DefaultConfig(), v, nil, slog.New(slog.DiscardHandler)).Handler()
}

// offline is a view without a running program behind it.
type offline struct {
	web.View
	changed chan struct{}
}

func (v offline) Changed() <-chan struct{} { return v.changed }
func (v offline) Status() web.Status       { return web.Status{} }
