// Package print draws the papers of a warehouse as PDF: shipping labels with a barcode, and packing slips. Texts may be in Latin,
// Greek, Cyrillic and Arabic letters; Arabic ones are joined and put in order here, because PDF wants to be told each glyph.
//
// The font is DejaVu Sans Condensed, whose licence (Bitstream Vera's, https://dejavu-fonts.github.io/License.html) allows to
// embed and to pass it on; only the glyphs that a paper shows go into its file.
package print
