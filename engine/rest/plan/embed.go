package plan

import (
	"nexus/engine/apierr"
	"nexus/engine/rest/request"
)

// relateOrders finds the embedded levels that order terms name: an embedded row to order by has to be one at most.
func relateOrders(n *Node) *apierr.Error {
	for i := range n.Order {
		term := &n.Order[i]
		if term.Relation == "" {
			continue
		}
		child := n.child(term.Relation)
		switch {
		case child == nil:
			return errNotEmbedded(term.Relation)
		case !child.Relationship.IsToOne():
			return errRelatedOrder(n.From.Name, child.Name)
		}
		term.Relation = child.JoinAlias
	}
	for _, child := range n.Children {
		if err := relateOrders(child); err != nil {
			return err
		}
	}
	return nil
}

// child finds an embedded level by its name in the answer.
func (n *Node) child(name string) *Node {
	for _, child := range n.Children {
		if child.Name == name {
			return child
		}
	}
	return nil
}

// relateNullFilters turns is.null filters on the name of an embedded level into tests whether that level is empty.
func relateNullFilters(n *Node) {
	if len(n.Children) == 0 {
		return
	}
	n.relateNulls(n.Where)
	for _, child := range n.Children {
		relateNullFilters(child)
	}
}

func (n *Node) relateNulls(conditions []Condition) {
	for i := range conditions {
		c := &conditions[i]
		if c.IsGroup {
			n.relateNulls(c.Children)
			continue
		}
		if c.Operator != request.OpIs || c.Is != request.IsNull || len(c.Field.Path) > 0 {
			continue
		}
		if child := n.child(c.Field.Name); child != nil {
			*c = Condition{Negate: c.Negate, Embed: child.JoinAlias}
		}
	}
}

// exposeEmbeds works out what each embedded level gives to the one above.
func exposeEmbeds(n *Node) {
	for _, child := range n.Children {
		exposeEmbeds(child)
		if child.IsSpread() {
			child.Spread = child.spreadFields()
		} else {
			child.Empty = child.selectsNothing()
		}
	}
}

// spreadFields are the columns of a spread level: its own, and those of the levels embedded in it.
func (n *Node) spreadFields() []SpreadField {
	fields := make([]SpreadField, 0, len(n.Select)+len(n.Children))
	for i := range n.Select {
		fields = append(fields, SpreadField{Name: n.Select[i].name()})
	}
	for _, child := range n.Children {
		switch {
		case child.IsSpread():
			fields = append(fields, child.Spread...)
		case !child.Empty:
			fields = append(fields, SpreadField{Name: child.Name})
		}
	}
	return fields
}

func (n *Node) selectsNothing() bool {
	if len(n.Select) > 0 {
		return false
	}
	for _, child := range n.Children {
		if !child.selectsNothing() {
			return false
		}
	}
	return true
}
