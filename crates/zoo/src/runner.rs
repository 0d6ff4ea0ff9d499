//! What computes: a network built from an architecture and a checkpoint, or an ONNX file.

use crate::Compute;
use crate::error::{translate, translate_graph};
use crate::system::System;
use engine::array::{Array, DType, f16};
use engine::cpu::{Network, Pool};
use engine::graph::Builder;
use engine::onnx::Session;
use engine::weights::Scope;
use engine::{Error, ErrorKind, Result, Tensor};
use std::sync::Arc;

/// A network ready to run on `[1, channels, rows, columns]`.
pub(crate) enum Runner {
    /// Built here, planned for the card's input.
    Architecture(Network),
    /// Read from a file.
    Onnx(Box<Onnx>),
}

/// An ONNX file and how a card says to use it.
pub(crate) struct Onnx {
    /// Runs it.
    pub session: Session,
    /// The input that takes the image.
    pub input: String,
    /// Type of that input.
    pub dtype: DType,
    /// It takes `[1, rows, columns, channels]`, and gives maps in that order.
    pub channels_last: bool,
    /// Which output is meant.
    pub output: usize,
}

impl Runner {
    /// Builds a system's network with the scope's weights; also the weight of its linear head.
    /// Errors name every tensor that is missing, of another shape or left over.
    pub(crate) fn of_architecture(
        system: &dyn System,
        scope: Scope,
        compute: &Compute,
    ) -> Result<(Runner, Option<Arc<Tensor>>)> {
        let mut builder = Builder::new();
        let outputs = system.network(&mut builder, &scope)?;
        let head =
            system.head().map(|head| scope.tensor(head.weight, &[head.labels, head.channels]));
        scope.finish(system.left_over())?;
        let graph = builder.finish(&outputs);
        drop(scope);
        Ok((Runner::Architecture(Network::compile(graph, &compute.options())?), head))
    }

    /// The outputs, in the network's order; of an ONNX file the one that is meant.
    pub(crate) fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        match self {
            Runner::Architecture(network) => network.run(&inputs.iter().collect::<Vec<_>>()),
            Runner::Onnx(onnx) => onnx.run(inputs).map(|output| vec![output]),
        }
    }

    /// The same network with buffers of its own, the weights shared; `None` for an ONNX file.
    pub(crate) fn fork(&self, pool: &Pool) -> Option<Runner> {
        match self {
            Runner::Architecture(network) => Some(Runner::Architecture(network.fork(pool))),
            Runner::Onnx(_) => None,
        }
    }

    /// Bytes that a fork adds; `None` where there can be none.
    pub(crate) fn fork_bytes(&self) -> Option<u64> {
        match self {
            Runner::Architecture(network) => Some(network.fork_bytes()),
            Runner::Onnx(_) => None,
        }
    }

    /// Peak bytes as planned; of an ONNX file those of its stored values, its packed weights and buffers and,
    /// after a run, the values between its nodes.
    pub(crate) fn planned_bytes(&self) -> u64 {
        match self {
            Runner::Architecture(network) => network.planned_bytes(),
            Runner::Onnx(onnx) => {
                let session = &onnx.session;
                session.held_bytes() + session.peak_bytes()
            }
        }
    }

    /// An error of a run in the user's words.
    pub(crate) fn translate(&self, error: Error) -> base::Error {
        match self {
            Runner::Architecture(_) => translate(error),
            Runner::Onnx(_) => translate_graph(error),
        }
    }
}

impl Onnx {
    fn run(&mut self, inputs: &[Tensor]) -> Result<Tensor> {
        let [image] = inputs else {
            return Err(Error::new(ErrorKind::Shape, "the network takes one image"));
        };
        let array = typed(&self.turned(image)?, self.dtype)?;
        let mut outputs = self.session.run(&[(&self.input, array)])?;
        if self.output >= outputs.len() {
            return Err(Error::new(ErrorKind::Shape, "the network gave too few outputs"));
        }
        let (_, array) = outputs.swap_remove(self.output);
        let output = Tensor::new(array.shape(), array.to_f32())?;
        match output.shape() {
            &[1, rows, columns, channels] if self.channels_last => {
                let data = to_planes(output.data(), rows * columns, channels);
                Tensor::new(&[1, channels, rows, columns], data)
            }
            _ => Ok(output),
        }
    }

    /// The image in the order of axes that the network takes.
    fn turned(&self, image: &Tensor) -> Result<Tensor> {
        match *image.shape() {
            [1, channels, rows, columns] if self.channels_last => {
                let data = to_planes(image.data(), channels, rows * columns);
                Tensor::new(&[1, rows, columns, channels], data)
            }
            _ => Ok(image.clone()),
        }
    }
}

/// `[outer][inner]` to `[inner][outer]`.
fn to_planes(data: &[f32], outer: usize, inner: usize) -> Vec<f32> {
    (0..inner * outer).map(|at| data[at % outer * inner + at / outer]).collect()
}

/// The image's numbers as the network takes them; whole numbers are rounded and kept in bounds.
fn typed(image: &Tensor, dtype: DType) -> Result<Array> {
    let (shape, data) = (image.shape(), image.data());
    match dtype {
        DType::F32 => Array::f32(shape, data.to_vec()),
        DType::F64 => Array::of(shape, data.iter().map(|&x| f64::from(x)).collect()),
        DType::F16 => Array::of(shape, data.iter().map(|&x| f16::from_f32(x)).collect()),
        // `as` keeps within 0..=255.
        DType::U8 => Array::of(shape, data.iter().map(|&x| x.round() as u8).collect()),
        other => {
            let message = format!("images are not given to networks as {other}");
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_exchanged_and_back() {
        let planes = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let interleaved = to_planes(&planes, 2, 3);
        assert_eq!(interleaved, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(to_planes(&interleaved, 3, 2), planes);
    }

    #[test]
    fn whole_numbers_are_rounded_and_bounded() {
        let image = Tensor::new(&[4], vec![-3.0, 0.5, 254.6, 999.0]).unwrap();
        let array = typed(&image, DType::U8).unwrap();
        assert_eq!(array.slice::<u8>().unwrap(), [0, 1, 255, 255]);
        assert!(typed(&image, DType::I64).is_err());
    }
}
