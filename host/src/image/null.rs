use serde::{Deserialize, Deserializer};

/// For `deserialize_with`: programs in Go write `null` for what is empty.
pub fn null_is_empty<'d, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'d> + Default,
    D: Deserializer<'d>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
