//! What a kernel consists of, in bytes by library.

use crate::cli::Output;
use crate::error::Result;
use crate::listing::Listing;
use pith_builder::Sizes;
use serde_json::json;

/// Shows it; the parts add up to the file.
///
/// # Errors
/// A value that JSON cannot express.
pub fn show(sizes: &Sizes, output: Output) -> Result<()> {
    let mut listing = Listing::new(&["BYTES", "FUNCTIONS", "LIBRARY"]);
    for part in &sizes.parts {
        let functions = if part.functions == 0 { "-".to_owned() } else { part.functions.to_string() };
        listing.push(vec![part.bytes.to_string(), functions, part.name.clone()], json!(part));
    }
    listing.push(vec![sizes.total.to_string(), "-".to_owned(), "(all)".to_owned()], json!({ "name": "(all)", "bytes": sizes.total }));
    print!("{}", listing.show(output)?);
    Ok(())
}
