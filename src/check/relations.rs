//! The relations that a mapping names, and the columns it reads of them.

use crate::catalog::Catalog;
use crate::diagnostics::{Diagnostic, codes, suggest};
use crate::syntax::ast;
use crate::types::PgType;

use super::ir::{self, Relation, Side};
use super::items::Checker;

impl Checker<'_, '_> {
    /// The relation a block names, if there is one; reports it otherwise.
    pub(super) fn relation(&mut self, name: &ast::Name) -> Option<Relation> {
        if self.broken.contains(&name.node) {
            return None;
        }
        if let Some(index) = self
            .frames
            .iter()
            .position(|frame| frame.name == name.node && !frame.is_map)
        {
            self.used.frames.insert(index);
            return Some(Relation::Frame(index));
        }
        if let Some(index) = self
            .broadcasts
            .iter()
            .position(|broadcast| broadcast.name == name.node)
        {
            self.used.broadcasts.insert(index);
            return Some(Relation::Broadcast(index));
        }
        if self.source.tables.contains_key(&name.node) {
            let known = self.scans.iter().position(|scan| scan.table == name.node);
            let index = known.unwrap_or_else(|| {
                self.scans.push(ir::Scan {
                    table: name.node.clone(),
                    columns: Vec::new(),
                    span: name.span,
                });
                self.scans.len() - 1
            });
            return Some(Relation::Scan(index));
        }
        let views = self
            .frames
            .iter()
            .filter(|frame| !frame.is_map)
            .map(|frame| frame.name.as_str());
        let broadcasts = self
            .broadcasts
            .iter()
            .map(|broadcast| broadcast.name.as_str());
        let tables = self.source.tables.keys().map(String::as_str);
        let mut diagnostic =
            Diagnostic::error(codes::E0101, format!("no table or view `{}`", name.node)).primary(
                name.span,
                format!(
                    "neither a view of this file nor a table of catalog `{}`",
                    self.source.catalog
                ),
            );
        if self
            .frames
            .iter()
            .any(|frame| frame.is_map && frame.name == name.node)
        {
            diagnostic = diagnostic.note("there is a map of that name, but only views can be read");
        } else if let Some(help) = suggest::help(&name.node, views.chain(broadcasts).chain(tables))
        {
            diagnostic = diagnostic.help(help);
        }
        self.diagnostics.push(diagnostic);
        None
    }

    /// The number of a table's column in what is read of the relation, noting that it is read.
    /// `None` when the table has no such column.
    pub(super) fn read_column(&mut self, relation: Relation, name: &str) -> Option<usize> {
        let (table, columns) = match relation {
            Relation::Scan(index) => {
                let scan = self.scans.get_mut(index)?;
                (self.source.tables.get(&scan.table)?, &mut scan.columns)
            }
            Relation::Broadcast(index) => {
                let broadcast = self.broadcasts.get_mut(index)?;
                let catalog = match broadcast.side {
                    Side::Source => self.source,
                    Side::Target => self.target,
                };
                (
                    catalog.tables.get(&broadcast.table)?,
                    &mut broadcast.columns,
                )
            }
            Relation::Frame(_) => return None,
        };
        if let Some(index) = columns.iter().position(|column| column.name == name) {
            return Some(index);
        }
        columns.push(column(table.column(name)?));
        Some(columns.len() - 1)
    }
}

/// The diagnostic for a table that a catalog does not have.
pub(super) fn unknown_table(name: &ast::Name, catalog: &Catalog) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(
        codes::E0101,
        format!("no table `{}` in catalog `{}`", name.node, catalog.catalog),
    )
    .primary(name.span, format!("{} has no such table", catalog.title));
    if let Some(help) = suggest::help(&name.node, catalog.tables.keys().map(String::as_str)) {
        diagnostic = diagnostic.help(help);
    }
    diagnostic
}

/// A column of a catalog as it is read or written.
pub(super) fn column(column: &crate::catalog::Column) -> ir::Column {
    ir::Column {
        name: column.name.clone(),
        pg_type: PgType::parse(&column.ty),
        nullable: column.nullable,
    }
}
