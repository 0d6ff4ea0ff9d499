//! Products of stacks of matrices, under either name that exporters have for them.
//!
//! ```text
//! MatMul(a, b)                      a [.., m, k]   b [.., k, n]
//! Einsum "..mk,..kn->..mn"          the same
//! Einsum "..mk,..nk->..mn"          b [.., n, k]: turned, as attention is often written (MONAI)
//! ```

use super::super::graph::{Node, Slot};
use super::super::ops::ONNX;
use super::Finder;

/// `a · b`, or `a · bᵀ`, matrix by matrix.
pub(super) struct Product {
    pub a: Slot,
    pub b: Slot,
    /// The rows of `b` are the columns of the result.
    pub turned: bool,
}

impl Finder<'_> {
    /// The product a node is, if it is one; its stacks may still be stretched to one another.
    pub(super) fn product(node: &Node) -> Option<Product> {
        let [a, b] = Self::two(node).filter(|_| node.op.domain == ONNX)?;
        let turned = match node.op.name {
            "MatMul" => false,
            "Einsum" => turned(node.attributes.text("equation")?)?,
            _ => return None,
        };
        Some(Product { a, b, turned })
    }
}

/// Whether the second matrix of an equation is turned; `None` for what is no product of stacks of matrices.
fn turned(equation: &str) -> Option<bool> {
    let letters: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, result) = letters.split_once("->")?;
    let (a, b) = left.split_once(',')?;
    let split = |term: &str| {
        let letters: Vec<char> = term.chars().collect();
        let distinct = (1..letters.len()).all(|i| !letters[..i].contains(&letters[i]));
        let plain = distinct && letters.iter().all(|c| c.is_alphabetic());
        match &letters[..] {
            [stack @ .., row, column] if plain => Some((stack.to_vec(), *row, *column)),
            _ => None,
        }
    };
    let ((stack, m, k), (stack_b, row, column), (stack_c, down, across)) =
        (split(a)?, split(b)?, split(result)?);
    if stack != stack_b || stack != stack_c || down != m || across == k {
        return None;
    }
    let turned = (row, column) == (across, k);
    (turned || (row, column) == (k, across)).then_some(turned)
}

#[cfg(test)]
mod tests {
    use super::turned;

    #[test]
    fn equations_of_matrices_are_told_from_others() {
        for equation in ["blxd,blyd->blxy", "bhid, bhjd -> bhij", "xd,yd->xy"] {
            assert_eq!(turned(equation), Some(true), "{equation}");
        }
        for equation in ["bhxy,bhyd->bhxd", "ij,jk->ik"] {
            assert_eq!(turned(equation), Some(false), "{equation}");
        }
        let others = [
            "...ij,...jk->...ik",
            "bhwc,hkc->bhwk",
            "bhxy,bhyd->bxhd",
            "bhxy,bhyd->bhdx",
            "bhxx,bhxd->bhxd",
            "bhxd,bhyd->bhdy",
            "bhxy,hbyd->bhxd",
            "ij,jk",
            "ij->ji",
            "ij,jk,kl->il",
        ];
        for equation in others {
            assert_eq!(turned(equation), None, "{equation}");
        }
    }
}
