package rows

import "github.com/jackc/pgx/v5/pgtype"

// kind is how a value's text becomes JSON (json.c, datum_to_json).
type kind uint8

const (
	unknown kind = iota
	boolean
	number // a JSON number as it is, unless it is NaN or infinite
	document
	quoted
)

// OIDs of built-in types that pgtype does not name (pg_type.dat).
const (
	oidMoney        = 790
	oidRegproc      = 24
	oidRegprocedure = 2202
	oidRegoper      = 2203
	oidRegoperator  = 2204
	oidRegclass     = 2205
	oidRegtype      = 2206
	oidRegconfig    = 3734
	oidRegdict      = 3769
	oidRegnamespace = 4089
	oidRegrole      = 4096
	oidLSN          = 3220
	oidTSQuery      = 3615
	oidXID8         = 5069
)

// kindOf knows the types whose JSON depends on nothing but their text. Dates and timestamps are not among them, since the
// form of their text is a setting, nor are arrays and composites, nor anything that an extension may have defined a cast for.
func kindOf(oid uint32) kind {
	switch oid {
	case pgtype.BoolOID:
		return boolean
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
		return number
	case pgtype.JSONOID, pgtype.JSONBOID:
		return document
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.NameOID, pgtype.QCharOID, pgtype.UUIDOID, pgtype.ByteaOID,
		pgtype.InetOID, pgtype.CIDROID, pgtype.MacaddrOID, pgtype.Macaddr8OID, pgtype.BitOID, pgtype.VarbitOID,
		pgtype.IntervalOID, pgtype.TimeOID, pgtype.TimetzOID, pgtype.OIDOID, pgtype.XIDOID, pgtype.CIDOID, pgtype.TIDOID,
		pgtype.PointOID, pgtype.LineOID, pgtype.LsegOID, pgtype.PathOID, pgtype.BoxOID, pgtype.PolygonOID, pgtype.CircleOID,
		pgtype.XMLOID, pgtype.TSVectorOID, pgtype.JSONPathOID,
		pgtype.Int4rangeOID, pgtype.Int8rangeOID, pgtype.NumrangeOID, pgtype.DaterangeOID, pgtype.TsrangeOID, pgtype.TstzrangeOID,
		pgtype.Int4multirangeOID, pgtype.Int8multirangeOID, pgtype.NummultirangeOID, pgtype.DatemultirangeOID,
		pgtype.TsmultirangeOID, pgtype.TstzmultirangeOID,
		oidMoney, oidRegproc, oidRegprocedure, oidRegoper, oidRegoperator, oidRegclass, oidRegtype, oidRegconfig, oidRegdict,
		oidRegnamespace, oidRegrole, oidLSN, oidTSQuery, oidXID8:
		return quoted
	default:
		return unknown
	}
}

// Plain reports whether values of the type with this OID can be encoded from their text.
func Plain(oid uint32) bool { return kindOf(oid) != unknown }
