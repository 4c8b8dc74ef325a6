export async function runTrainCase() {}
