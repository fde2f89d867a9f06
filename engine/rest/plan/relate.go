package plan

import (
	"slices"
	"strconv"

	"nexus/engine/apierr"
	"nexus/schema"
)

// relate finds the relationship that leads from the level above to each level.
func (b *builder) relate(l *level, n *Node, schemaName string) *apierr.Error {
	if limit := b.opts.MaxEmbedDepth; limit > 0 && n.depth >= limit && len(l.children) > 0 {
		return errTooDeep(limit)
	}
	for _, child := range l.children {
		origin := n.From.Name
		if n.Embed == TopLevel && n.Alias != "" {
			origin = n.Alias
		}
		relationship, err := b.findRelationship(schemaName, origin, child.relation, child.hint)
		if err != nil {
			return err
		}
		node := newEmbed(child, n, relationship)
		if err := b.relate(child, node, schemaName); err != nil {
			return err
		}
		n.Children = append(n.Children, node)
	}
	return nil
}

// newEmbed makes the node of an embedded level.
func newEmbed(l *level, above *Node, r *schema.Relationship) *Node {
	n := &Node{
		From: r.ForeignTable, Relationship: r, Inner: l.inner, Name: l.name(),
		table: r.ForeignTable, depth: above.depth + 1,
	}
	depth := strconv.Itoa(n.depth)
	n.JoinAlias = alias(r.Table.Name, n.Name, depth)
	switch {
	case l.spread && r.IsToOne():
		n.Embed = SpreadOne
	case l.spread:
		n.Embed = SpreadMany
	case r.IsToOne():
		n.Embed = EmbedObject
	default:
		n.Embed = EmbedArray
	}
	parent := r.Table
	if above.Alias != "" {
		parent = schema.Ident{Name: above.Alias}
	}
	switch r.Cardinality {
	case schema.ManyToMany:
		n.On = joinThrough(r, parent)
	case schema.Computed:
		n.Alias, n.Parent = alias(r.ForeignTable.Name, depth), parent.Name
	default:
		n.Alias = alias(r.ForeignTable.Name, depth)
		for _, pair := range r.Columns {
			n.On = append(n.On, JoinCondition{schema.Ident{Name: n.Alias}, pair.Target, parent, pair.Source})
		}
	}
	return n
}

// joinThrough joins a relation and the one above with their junction.
func joinThrough(r *schema.Relationship, parent schema.Ident) []JoinCondition {
	var on []JoinCondition
	for _, pair := range r.Junction.TargetColumns {
		on = append(on, JoinCondition{r.Junction.Table, pair.Target, r.ForeignTable, pair.Source})
	}
	for _, pair := range r.Junction.SourceColumns {
		on = append(on, JoinCondition{r.Junction.Table, pair.Target, parent, pair.Source})
	}
	return on
}

// findRelationship finds the one relationship that the request can mean: from a relation, to a target that names a
// relation, a constraint, a column or a function, with a hint that tells several apart
// (https://docs.postgrest.org/en/v14/references/api/resource_embedding.html).
func (b *builder) findRelationship(schemaName, origin, target, hint string) (*schema.Relationship, *apierr.Error) {
	all := b.snap.Relationships[schema.RelationshipKey{
		Table: schema.Ident{Schema: schemaName, Name: origin}, ForeignSchema: schemaName,
	}]
	var found []*schema.Relationship
	for _, r := range all {
		if matches(r, target, hint) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return nil, errNoRelationship(b.snap, schemaName, origin, target, hint)
	case 1:
		return found[0], nil
	default:
		return nil, errAmbiguousRelationship(origin, target, slices.Clone(found)) // a copy, so that found need not escape
	}
}

func matches(r *schema.Relationship, target, hint string) bool {
	switch {
	case r.Cardinality == schema.Computed:
		return target == r.Function.Name
	case r.IsSelf:
		return matchesSelf(r, target, hint)
	case hint != "":
		return target == r.ForeignTable.Name &&
			(hint == r.Constraint || isSource(r, hint) || isTarget(r, hint) ||
				r.Junction != nil && hint == r.Junction.Table.Name)
	case target == r.ForeignTable.Name:
		return true
	default:
		return !r.ForeignTableIsView && (target == r.Constraint || isSource(r, target))
	}
}

// matchesSelf tells the two directions of a key that a relation has to itself apart: the relation's name means the rows
// that refer to this one, the key's column the row this one refers to.
func matchesSelf(r *schema.Relationship, target, hint string) bool {
	children := target == r.ForeignTable.Name && r.Cardinality == schema.OneToMany
	if hint != "" {
		return children && isTarget(r, hint)
	}
	return children || r.Cardinality == schema.ManyToOne && isSource(r, target)
}

// isSource reports whether the name is the only column of the relationship on its own side, isTarget on the other side.
func isSource(r *schema.Relationship, name string) bool {
	return len(r.Columns) == 1 && r.Columns[0].Source == name
}

func isTarget(r *schema.Relationship, name string) bool {
	return len(r.Columns) == 1 && r.Columns[0].Target == name
}
