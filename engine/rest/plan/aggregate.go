package plan

import (
	"strconv"

	"nexus/engine/apierr"
	"nexus/engine/rest/request"
)

// checkAggregates refuses aggregate functions unless they are enabled.
func (b *builder) checkAggregates(n *Node) *apierr.Error {
	if b.opts.AggregatesEnabled {
		return nil
	}
	if n.hasAggregate() {
		return errAggregatesDisabled()
	}
	for _, child := range n.Children {
		if err := b.checkAggregates(child); err != nil {
			return err
		}
	}
	return nil
}

// hoistAggregates moves the aggregates of to-one spread levels up to the nearest level that is not one, because only
// there the rows to aggregate come together: in orders?select=status,...customers(score.avg()) the average is over the
// orders of a status.
func hoistAggregates(n *Node) { n.hoist() }

// hoist returns the aggregates that the level leaves to the one above.
func (n *Node) hoist() []SpreadField {
	var own []SpreadField
	if n.Embed == SpreadOne {
		own = n.releaseAggregates()
	}
	for _, child := range n.Children {
		fromChild := child.hoist()
		if n.Embed == SpreadOne {
			own = append(own, fromChild...)
			continue
		}
		child.applyAggregates(fromChild)
	}
	return own
}

// releaseAggregates takes the aggregates off the level's own fields.
func (n *Node) releaseAggregates() []SpreadField {
	var released []SpreadField
	for i := range n.Select {
		f := &n.Select[i]
		if f.Aggregate == request.AggNone {
			continue
		}
		released = append(released, SpreadField{f.name(), f.Aggregate, f.AggregateCast, f.Alias})
		f.Aggregate, f.AggregateCast = request.AggNone, ""
	}
	return released
}

// applyAggregates puts aggregates on the columns that the level gives to the one above.
func (n *Node) applyAggregates(all []SpreadField) {
	for i := range n.Spread {
		for _, h := range all {
			if h.Name == n.Spread[i].Name {
				n.Spread[i] = h
				break
			}
		}
	}
}

// moveSpreadOrders moves the order of a to-many spread level into the aggregation of its columns into arrays. The keys of
// the order have to be selected along, under names of their own.
func moveSpreadOrders(n *Node) *apierr.Error {
	if n.Embed == SpreadMany {
		if n.hasAggregate() || n.hasSpreadAggregate() {
			return errNotImplemented("Aggregates are not implemented for one-to-many or many-to-many spreads.")
		}
		for i, term := range n.Order {
			name := alias(n.JoinAlias, term.Field.Name, strconv.Itoa(i+1))
			n.SpreadExtra = append(n.SpreadExtra, ExtraField{term.Relation, SelectField{Field: term.Field, Alias: name}})
			n.SpreadOrder = append(n.SpreadOrder, OrderTerm{
				Field: Field{Name: name}, Direction: term.Direction, Nulls: term.Nulls,
			})
		}
		if n.Window == (Window{}) {
			n.Order = nil // else the rows of the window are the first ones of the order, where PostgREST takes any
		}
	}
	for _, child := range n.Children {
		if err := moveSpreadOrders(child); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) hasSpreadAggregate() bool {
	for _, child := range n.Children {
		for i := range child.Spread {
			if child.Spread[i].Aggregate != request.AggNone {
				return true
			}
		}
	}
	return false
}
