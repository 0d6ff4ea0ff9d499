//! What the judge says: undefined values, metrics, complaints about predictions.

texts! { static:
    /// There is no case at all.
    NO_CASES = "no cases", "无病例";
    /// No case has the finding.
    NO_POSITIVES = "no positive case", "无阳性病例";
    /// Every case has the finding.
    NO_NEGATIVES = "no negative case", "无阴性病例";
    /// Precision without positives.
    NOTHING_CALLED_POSITIVE = "nothing was called positive", "无任何病例被判为阳性";
    /// NPV without negatives.
    NOTHING_CALLED_NEGATIVE = "nothing was called negative", "无任何病例被判为阴性";
    /// All values are the same.
    NO_SPREAD = "all values are the same", "所有数值相同，无变异";
    /// Fewer cases than the formula needs.
    TOO_FEW = "too few cases", "病例数过少";
    /// Scores outside 0…1.
    NOT_PROBABILITIES = "scores outside 0 to 1 are no probabilities", "评分超出 0–1，不能视为概率";
    /// A forecast of exactly 0 or 1.
    CERTAIN_FORECAST = "a probability of exactly 0 or 1 has no logit", "概率恰为 0 或 1，无法取 logit";
    /// Perfect separation.
    SEPARATED = "the scores separate the classes perfectly; the estimate does not converge",
        "评分将两类完全分开，估计不收敛";
    /// Both masks empty.
    BOTH_EMPTY = "reference and prediction are both empty", "参考与预测均为空";
    /// Structure not found.
    MISSED = "the structure is present and was missed", "结构存在但被漏诊";
    /// Structure made up.
    SPURIOUS = "something was marked where nothing is", "结构不存在却被标出（假阳性）";
    /// Resamples without value.
    UNSTABLE_RESAMPLES = "too many resamples had no value", "过多重抽样样本无法计算该指标";
    /// Nothing reaches what was asked.
    NOT_REACHED = "no threshold reaches it", "没有阈值能达到该要求";
    /// No part matches.
    NOTHING_MATCHED = "no predicted part matches one of the reference", "预测与参考之间没有匹配的部分";
    /// Larger than can be measured.
    TOO_LARGE = "larger than can be measured", "尺寸过大，无法测量";
}
