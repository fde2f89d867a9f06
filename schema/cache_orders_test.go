package schema

import (
	"slices"
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	b := backoff{first: 5 * time.Second}
	var got []time.Duration
	for range 5 {
		got = append(got, b.next())
	}
	b.reset()
	got = append(got, b.next())
	want := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, maxBackoff, maxBackoff, 5 * time.Second}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOrdersMerge(t *testing.T) {
	t.Parallel()
	o := newOrders()
	o.add(order{schema: true})
	o.add(order{config: true})
	<-o.ready
	o.add(order{anew: true})
	if got := o.take(); got != (order{schema: true, config: true, anew: true}) {
		t.Errorf("got %+v", got)
	}
	select {
	case <-o.ready:
		t.Error("ready, though nothing is pending")
	default:
	}
	o.add(order{config: true})
	<-o.ready
	if got := o.take(); got != (order{config: true}) {
		t.Errorf("got %+v", got)
	}
}
